import { createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { reachBroker } from "./broker-probe.ts";

/** A listener on loopback and its address; closed when the test ends. */
async function listener(): Promise<{ readonly address: string; close(): Promise<void> }> {
  const server = createServer((socket) => socket.on("error", () => undefined));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const at = server.address();
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()));
  onTestFinished(close);
  return { address: `127.0.0.1:${typeof at === "object" && at !== null ? at.port : 0}`, close };
}

test("broker probe: one address that takes a connection is enough", async () => {
  const [gone, there] = [await listener(), await listener()];
  await gone.close();
  await expect(reachBroker([gone.address, there.address])).resolves.toBeUndefined();
});

test("broker probe: where nobody listens the reason of the first address is given", async () => {
  const [first, second] = [await listener(), await listener()];
  await Promise.all([first.close(), second.close()]);
  await expect(reachBroker([first.address, second.address])).rejects.toThrow(`ECONNREFUSED ${first.address}`);
});
