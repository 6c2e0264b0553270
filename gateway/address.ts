// Whose call it is, as an address: one spelling for both listeners, and proxies that may speak for others.
//
// Must not: count anything (admission.ts, socket/door.ts), or look a name up.
//
// A1. `X-Forwarded-For` is a stranger's text until a listed proxy has sent it. It is read from its end, where that proxy wrote, up to
//     the first address that is no listed proxy: whatever stands before it anybody may have written.
// A2. Both listeners count one caller under one name, however the operating system spells the address.
import { BlockList, isIP, isIPv4 } from "node:net";
import type { AddressFamily } from "./ports.ts";

const GROUPS = 8;
const GROUP_BITS = 16;
/** An IPv6 caller is a /64: those are all one household's. */
const NETWORK_GROUPS = 4;
const MAPPED_PREFIX = [0, 0, 0, 0, 0, 0xffff];
/** More hops than any sensible chain of proxies; what stands before them is not read. */
const HOPS_MAX = 16;
const PREFIX_MAX = { ipv4: 32, ipv6: 128 } as const;

/** One spelling of an address: IPv4 plainly, also where it is mapped into IPv6; IPv6 as eight groups without leading zeros. Text that
 *  is no address comes back as it is. */
export function plainAddress(text: string): string {
  if (!text.includes(":")) return text;
  const bare = text.replace(/%.*$/, "");
  if (isIP(bare) !== 6) return text;
  const groups = groupsOf(bare);
  const isMapped = MAPPED_PREFIX.every((group, index) => groups[index] === group);
  if (!isMapped) return groups.map((group) => group.toString(16)).join(":");
  const [high = 0, low = 0] = groups.slice(-2);
  return [high >>> 8, high & 0xff, low >>> 8, low & 0xff].join(".");
}

/** What limits count by: an IPv4 address, or the first 64 bits of an IPv6 one. */
export function networkOf(text: string): string {
  const plain = plainAddress(text);
  return isIP(plain) === 6 ? plain.split(":").slice(0, NETWORK_GROUPS).join(":") : plain;
}

/** Under which a limit counts a network: never what it counts a bidder under, for user ids have no spaces. */
export function countedAs(network: string): string {
  return `address ${network}`;
}

/** `ipv4` or `ipv6` of a network or address as above; null for what is neither. */
export function familyOf(network: string): AddressFamily | null {
  if (network.includes(":")) return "ipv6";
  return isIPv4(network) ? "ipv4" : null;
}

/** The proxies that are believed when they say for whom they ask. */
export class TrustedProxies {
  readonly #listed = new BlockList();
  readonly #isEmpty: boolean;

  /** Addresses, or networks such as 10.0.0.0/8. Throws RangeError for one that is neither (isProxyEntry tells). */
  constructor(entries: readonly string[]) {
    this.#isEmpty = entries.length === 0;
    for (const entry of entries) {
      const network = networkEntry(entry);
      if (network === null) throw new RangeError(`"${entry}" is neither an address nor a network`);
      this.#listed.addSubnet(network.address, network.prefix, network.family);
    }
  }

  /** Whether the far end of a connection is a listed proxy. */
  lists(peer: string): boolean {
    if (this.#isEmpty) return false;
    const plain = plainAddress(peer);
    const version = isIP(plain);
    return version !== 0 && this.#listed.check(plain, version === 6 ? "ipv6" : "ipv4");
  }

  /** The network of whoever called (A1). `forwarded`: the header's text, several joined by commas; null without one. */
  callerOf(peer: string, forwarded: string | null): string {
    if (forwarded === null || !this.lists(peer)) return networkOf(peer);
    let nearest = peer;
    for (const hop of forwarded.split(",").slice(-HOPS_MAX).reverse()) {
      const address = hopAddress(hop.trim());
      if (address === null) break;
      nearest = address;
      if (!this.lists(address)) break;
    }
    return networkOf(nearest);
  }
}

/** Whether a setting names an address or a network. */
export function isProxyEntry(entry: string): boolean {
  return networkEntry(entry) !== null;
}

function networkEntry(entry: string): { readonly address: string; readonly prefix: number; readonly family: AddressFamily } | null {
  const [text = "", bits, ...rest] = entry.split("/");
  const address = plainAddress(text);
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return null;
  const family = version === 6 ? "ipv6" : "ipv4";
  if (bits === undefined) return { address, prefix: PREFIX_MAX[family], family };
  return /^\d{1,3}$/.test(bits) && Number(bits) <= PREFIX_MAX[family] ? { address, prefix: Number(bits), family } : null;
}

/** An address, as proxies write it: with a port or in brackets too. */
function hopAddress(hop: string): string | null {
  const bare = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(hop)?.[1] ?? /^(\d+\.\d+\.\d+\.\d+):\d{1,5}$/.exec(hop)?.[1] ?? hop;
  return isIP(bare) === 0 ? null : bare;
}

/** The groups of a valid IPv6 address. */
function groupsOf(address: string): number[] {
  const [head = "", tail] = address.split("::");
  const before = parsed(head);
  const after = tail === undefined ? [] : parsed(tail);
  const missing = tail === undefined ? 0 : GROUPS - before.length - after.length;
  return [...before, ...Array.from({ length: missing }, () => 0), ...after];
}

function parsed(text: string): number[] {
  if (text === "") return [];
  return text.split(":").flatMap((group) => {
    if (!group.includes(".")) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split(".").map(Number);
    return [(a << (GROUP_BITS / 2)) | b, (c << (GROUP_BITS / 2)) | d];
  });
}
