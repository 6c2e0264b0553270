// A generator as a process of its own: `node load-process.js PLAN`. Speaks one line of JSON per phase and one for its result.
import { readFileSync, writeSync } from "node:fs";
import { Load } from "./load.ts";
import { type LoadEvent, parsePlan } from "./plan.ts";

const STDOUT = 1;
const EXIT_FAILED = 1;

// Written at once: whoever measures the other processes waits for these lines.
function say(event: LoadEvent): void {
  const text = Buffer.from(`${JSON.stringify(event)}\n`);
  for (let at = 0; at < text.length; ) at += writeSync(STDOUT, text, at);
}

const file = process.argv[2];
if (file === undefined) throw new Error("which plan?");
new Load(parsePlan(readFileSync(file, "utf8")), {
  phase: (event) => say({ event }),
  done: (result) => {
    say(result);
    process.exit(0);
  },
  failed: (why) => {
    say({ event: "failed", why });
    process.exit(EXIT_FAILED);
  },
  after: (ms, callback) => {
    setTimeout(callback, ms);
  },
}).start();
