// Where a process of ours writes its log lines: its standard output, without ever being held by it.
//
// L1. A process whose reader is gone ends all the same. pino flushes what is queued when a process exits, and its writer tries a
//     broken pipe again for ever, with the event loop stopped: neither a timer nor a signal handler would get a word in. So nothing
//     is flushed once the supervisor, who reads the other end, is known to be gone.
// L2. Writing is asynchronous: a reader that stands still does not stand in the way of a bid.
import { type DestinationStream, type Logger, pino } from "pino";

const STDOUT = 1;

/** What of its settings says how a process logs (process-settings.ts). */
export interface LogSettings {
  readonly logLevel: string;
  readonly logFormat: "auto" | "json" | "pretty";
  readonly nodeId: string;
  readonly child: boolean;
}

/** The log of a process of that name: one JSON object a line, or pretty where a person reads it. */
export function openProcessLog(name: string, settings: LogSettings, version: string): Logger {
  const options = { level: settings.logLevel, base: { process: name, nodeId: settings.nodeId, version } };
  const pretty = settings.logFormat === "pretty" || (settings.logFormat === "auto" && process.stdout.isTTY);
  return pretty ? pino({ ...options, transport: { target: "pino-pretty" } }) : pino(options, logDestination(settings.child));
}

/** The destination of a process. `child`: a supervisor holds the other ends of stdin and stdout, so the end of one is the end of both. */
export function logDestination(child: boolean): DestinationStream {
  const out = pino.destination({ fd: STDOUT, sync: false });
  const parent = process.ppid;
  let gone = false;
  if (child) {
    process.stdin.once("end", () => {
      gone = true;
    });
  }
  const flush = out.flushSync.bind(out);
  out.flushSync = () => {
    if (!(gone || (child && process.ppid !== parent))) flush();
  };
  return out;
}
