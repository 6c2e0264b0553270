// `fairwarning start`: the same as `npm start`.
import type { Command } from "commander";
import { runSystem, type StartFlags } from "../standalone/start.ts";
import { addStartFlags } from "../standalone/start-flags.ts";

/** Adds `start`. It ends when the system has stopped. */
export function addStart(program: Command): void {
  addStartFlags(program.command("start")).action(async (flags: StartFlags) => {
    const out = {
      write: (text: string) => void process.stdout.write(text),
      colour: process.stdout.hasColors?.() === true,
      terminal: process.stdout.isTTY === true,
    };
    process.exitCode = await runSystem(flags, out);
  });
}
