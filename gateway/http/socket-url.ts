// The address of the sockets that a caller is told.

/** A name or an address, and nothing that would end a directive of a content policy: some marks pass for parts of a name. */
const HOST_NAME = /^[A-Za-z0-9._-]+$|^\[[0-9A-Fa-f:.]+\]$/;

/** The one that was set; else the socket port on the host that the caller asked, so that a page opened as 127.0.0.1, localhost or by
 *  the machine's name connects to where it came from. A `Host` that names no host counts as localhost. */
export function socketUrlOf(publicUrl: string | null, port: number, host: string | undefined): string {
  if (publicUrl !== null) return publicUrl;
  const asked = `http://${host ?? "localhost"}`;
  const name = URL.canParse(asked) ? new URL(asked).hostname : "";
  return `ws://${HOST_NAME.test(name) ? name : "localhost"}:${port}/v1/socket`;
}
