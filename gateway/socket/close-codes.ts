// Why a socket is closed: the code, its name, and whether a client may come back.
//
// Owns: the table. Codes 4000 to 4499 mean reconnect with full jitter and resume, 4500 to 4999 are final.

export const CLOSE_CODES = {
  draining: 1001,
  internal: 1011,
  idle: 4000,
  auth_timeout: 4001,
  token_expired: 4002,
  slow_viewer: 4003,
  overloaded: 4004,
  rate_limited: 4005,
  resubscribe: 4006,
  ticket_spent: 4007,
  unauthenticated: 4500,
  forbidden: 4501,
  malformed: 4502,
  frame_too_large: 4503,
  too_many_sockets: 4504,
  protocol_violation: 4505,
  revoked: 4506,
} as const;

export type CloseName = keyof typeof CLOSE_CODES;

/** The reason of a close: `name` or `name;retryAfterMs=N`. The longest is far below the 123 bytes a close frame may carry. */
export function closeReason(name: CloseName, retryAfterMs: number): string {
  return retryAfterMs > 0 ? `${name};retryAfterMs=${Math.ceil(retryAfterMs)}` : name;
}
