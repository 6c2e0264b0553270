// The flags of `npm start` and `fairwarning start`, said once.
import type { Command } from "commander";

/** Adds flags, description and examples. */
export function addStartFlags(command: Command): Command {
  return command
    .description("Start the whole system on this machine: Postgres, engine, gateway and, unless told otherwise, demo auctions.")
    .option("--data-dir <path>", "folder that keeps everything (default: ./data)")
    .option("--port <port>", "page and HTTP API; 0 picks a free one (default: 8080)")
    .option("--socket-port <port>", "WebSocket; 0 picks a free one (default: 3000)")
    .option("--demo", "open demo auctions, also in a folder that was made without")
    .option("--no-demo", "open no demo auctions")
    .option("--bidders <count>", "simulated bidders in the demo auctions, at most 80 (default: 0)")
    .option("--production", "no demo, no guests; wants a key that verifies tokens")
    .option("--fresh", "forget everything this folder keeps, then start")
    .addHelpText(
      "after",
      `
Examples:
  npm start                                       a page with live auctions on http://localhost:8080
  npm start -- --bidders 20                       with twenty simulated bidders
  npm start -- --data-dir /srv/auctions --port 80
  FAIRWARNING_JWT_SECRET_FILE=/run/jwt npm start -- --production

Every other setting is in the environment or in ./.env; the README has the table, \`npm run fairwarning -- config print\` what holds.`,
    );
}
