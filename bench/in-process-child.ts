// One in-process measurement in a process of its own, so that no run inherits the compiled code and the heap of the one before.
import { type InProcessOptions, runInProcess } from "./in-process.ts";

const options = JSON.parse(process.argv[2] ?? "{}") as InProcessOptions;
process.stdout.write(`${JSON.stringify({ event: "result", ...(await runInProcess(options)) })}\n`);
