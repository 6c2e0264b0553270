import { runInProcess } from "./in-process.ts";
console.log(JSON.stringify(await runInProcess({ log: (process.argv[2] ?? "local") as "local", auctions: Number(process.argv[3] ?? 1000), outstanding: 512, warmUpSeconds: 2, seconds: 5, parent: "/tmp/b" })));
