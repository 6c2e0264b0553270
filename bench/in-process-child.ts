// One in-process measurement in a process of its own, so that no run inherits the compiled code and the heap of the one before.
import { exitWhenInterrupted } from "./folders.ts";
import { type InProcessOptions, runInProcess } from "./in-process.ts";

exitWhenInterrupted();
process.stdin.once("end", () => process.exit(1));
process.stdin.resume();
const options = JSON.parse(process.argv[2] ?? "{}") as InProcessOptions;
process.stdout.write(`${JSON.stringify({ event: "result", ...(await runInProcess(options)) })}\n`, () => process.exit(0));
