// What `npm start` runs. Reads the flags, starts the system, ends with its exit code.
import { Command } from "commander";
import { runSystem, type StartFlags } from "./start.ts";
import { addStartFlags } from "./start-flags.ts";

const command = addStartFlags(new Command("npm start --")).action(async (flags: StartFlags) => {
  const code = await runSystem(flags, {
    write: (text) => void process.stdout.write(text),
    colour: process.stdout.hasColors?.() === true,
    terminal: process.stdout.isTTY === true,
  });
  process.exit(code);
});

await command.parseAsync(process.argv);
