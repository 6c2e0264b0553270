// The Postgres of a single machine as a process of the bench: started in the folder that the first argument names, stopped on SIGTERM.
// biome-ignore lint/style/noRestrictedImports: one file alone may start the server a single machine has; here it runs in a process of its own.
import { startPostgres } from "../../deploy/standalone/postgres.ts";

const dataDir = process.argv[2];
if (dataDir === undefined) throw new Error("which folder?");
const server = await startPostgres({ dataDir, port: 0, log: () => undefined });
const stop = (): void => {
  void server.stop().then(() => process.exit(0));
};
process.once("SIGTERM", stop);
process.stdin.once("end", stop);
process.stdout.write(`${JSON.stringify({ event: "ready", url: server.url, pid: server.pid })}\n`);
process.stdin.resume();
