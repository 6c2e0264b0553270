// The address of the sockets that a caller is told.

/** The one that was set; else the socket port on the host that the caller asked, so that a page opened as 127.0.0.1, localhost or by
 *  the machine's name connects to where it came from. A `Host` that names no host counts as localhost. */
export function socketUrlOf(publicUrl: string | null, port: number, host: string | undefined): string {
  if (publicUrl !== null) return publicUrl;
  const asked = `http://${host ?? "localhost"}`;
  return `ws://${URL.canParse(asked) ? new URL(asked).hostname : "localhost"}:${port}/v1/socket`;
}
