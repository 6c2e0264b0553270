// Addresses in one spelling, and whom a forwarding header is believed about.
import fc from "fast-check";
import { expect, test } from "vitest";
import { familyOf, isProxyEntry, networkOf, plainAddress, TrustedProxies } from "./address.ts";

test.each([
  ["127.0.0.1", "127.0.0.1", "127.0.0.1"],
  ["::ffff:127.0.0.1", "127.0.0.1", "127.0.0.1"],
  ["0000:0000:0000:0000:0000:ffff:7f00:0001", "127.0.0.1", "127.0.0.1"],
  ["2001:0db8:0000:0001:aaaa:bbbb:cccc:dddd", "2001:db8:0:1:aaaa:bbbb:cccc:dddd", "2001:db8:0:1"],
  ["2001:DB8:0:1::1", "2001:db8:0:1:0:0:0:1", "2001:db8:0:1"],
  ["::1", "0:0:0:0:0:0:0:1", "0:0:0:0"],
  ["fe80::1%eth0", "fe80:0:0:0:0:0:0:1", "fe80:0:0:0"],
  ["unknown", "unknown", "unknown"],
  ["", "", ""],
])("address: %s has one spelling, and one network that is counted", (text, plain, network) => {
  expect(plainAddress(text)).toBe(plain);
  expect(networkOf(text)).toBe(network);
});

test("address: family: of networks and addresses, and of nothing else", () => {
  expect([familyOf("10.0.0.1"), familyOf("2001:db8:0:1"), familyOf("unknown")]).toEqual(["ipv4", "ipv6", null]);
});

test.each([
  ["nobody is listed", [], "9.9.9.9", "1.1.1.1", "9.9.9.9"],
  ["the far end is not listed", ["10.0.0.1"], "9.9.9.9", "1.1.1.1", "9.9.9.9"],
  ["a listed proxy speaks for its caller", ["10.0.0.1"], "10.0.0.1", "1.1.1.1", "1.1.1.1"],
  ["what the caller wrote in front is not read", ["10.0.0.1"], "10.0.0.1", "6.6.6.6, 1.1.1.1", "1.1.1.1"],
  ["a chain of listed proxies", ["10.0.0.1", "10.0.0.2"], "10.0.0.1", "6.6.6.6, 1.1.1.1, 10.0.0.2", "1.1.1.1"],
  ["a network of proxies", ["10.0.0.0/8", "fd00::/8"], "::ffff:10.1.2.3", "1.1.1.1,fd00::9", "1.1.1.1"],
  ["the proxy itself asks", ["10.0.0.1"], "10.0.0.1", null, "10.0.0.1"],
  ["a text that is no address ends it", ["10.0.0.1"], "10.0.0.1", "1.1.1.1, unknown", "10.0.0.1"],
  ["with a port", ["10.0.0.1"], "10.0.0.1", "1.1.1.1:443", "1.1.1.1"],
  ["IPv6 in brackets", ["10.0.0.1"], "10.0.0.1", "[2001:db8::7]:443", "2001:db8:0:0"],
  ["an empty header", ["10.0.0.1"], "10.0.0.1", "", "10.0.0.1"],
])("address: forwarded: %s", (_what, listed, peer, forwarded, caller) => {
  expect(new TrustedProxies(listed).callerOf(peer, forwarded)).toBe(caller);
});

test("address: forwarded: no text throws, and without a listed proxy none is believed", () => {
  const none = new TrustedProxies([]);
  const some = new TrustedProxies(["10.0.0.0/8"]);
  fc.assert(
    fc.property(fc.string(), fc.string(), (peer, forwarded) => {
      some.callerOf("10.0.0.1", forwarded);
      expect(none.callerOf(peer, forwarded)).toBe(networkOf(peer));
    }),
  );
});

test.each(["10.0.0.1", "10.0.0.0/8", "::1", "fd00::/8", "::ffff:10.0.0.1"])("address: proxies: %s can be listed", (entry) => {
  expect(isProxyEntry(entry)).toBe(true);
});

test.each(["", "proxy.example", "10.0.0.0/33", "10.0.0.0/x", "10.0.0.0/8/8", "1.2.3"])("address: proxies: `%s` cannot be listed", (entry) => {
  expect(isProxyEntry(entry)).toBe(false);
  expect(() => new TrustedProxies([entry])).toThrow(RangeError);
});
