import { decisionLogContract, type LogUnderTest } from "../contract/decision-log.ts";
import { MemoryStore } from "./decision-log.ts";

function connected(store: MemoryStore): LogUnderTest {
  const log = store.connect();
  return {
    log,
    async reopen() {
      await log.close();
      return connected(store);
    },
    dispose: () => log.close(),
  };
}

decisionLogContract("memory log", () => Promise.resolve(connected(new MemoryStore(3))));
