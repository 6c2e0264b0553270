// Whether the ports are free, asked before anything starts, so that the message can name the setting.
import { createServer } from "node:net";

export interface PortWish {
  /** What listens there, for people. */
  readonly what: string;
  readonly host: string;
  /** 0: any free port, so nothing to ask. */
  readonly port: number;
  /** How to choose another. */
  readonly setting: string;
}

/** One sentence for each port that cannot be had; empty when all can. */
export async function takenPorts(wishes: readonly PortWish[]): Promise<string[]> {
  const asked = wishes.filter((wish) => wish.port !== 0);
  const answers = await Promise.all(asked.map(async (wish) => ({ wish, code: await tryListen(wish) })));
  const twice = asked.filter((wish, index) => asked.findIndex((other) => other.port === wish.port) !== index);
  return [
    ...answers.flatMap(({ wish, code }) => (code === null ? [] : [sentence(wish, code)])),
    ...twice.map((wish) => `Port ${wish.port} is asked for twice; the second is the ${wish.what}. Choose another with ${wish.setting}.`),
  ];
}

function sentence(wish: PortWish, code: string): string {
  if (code === "EADDRINUSE") return `Port ${wish.port}, wanted for the ${wish.what}, is taken by another process. Choose another with ${wish.setting}.`;
  if (code === "EACCES") return `Port ${wish.port}, wanted for the ${wish.what}, is not open to this user. Choose one above 1023 with ${wish.setting}.`;
  return `${wish.host}:${wish.port}, wanted for the ${wish.what}, cannot be listened on (${code}). Choose another with ${wish.setting}.`;
}

function tryListen(wish: PortWish): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error) => resolve("code" in error ? String(error.code) : error.message));
    server.listen({ host: wish.host, port: wish.port, exclusive: true }, () => server.close(() => resolve(null)));
  });
}
