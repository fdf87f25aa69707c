import { expect, test } from "vitest";
import { AddressList, isAddressRange } from "./address-list.ts";
import { countedAddress, parseIpAddress } from "./ip-address.ts";

const counted = (text: string) => {
  const address = parseIpAddress(text);
  return address === undefined ? undefined : countedAddress(address);
};

test.each([
  ["203.0.113.7", "203.0.113.7"],
  ["203.0.113.7:4711", "203.0.113.7"],
  ["::ffff:203.0.113.7", "203.0.113.7"],
  ["::FFFF:cb00:7107", "203.0.113.7"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:db8:1:2::9", "2001:db8:1:2::/64"],
  ["[2001:db8:1:2::9]:443", "2001:db8:1:2::/64"],
  ["[2001:db8::1]", "2001:db8:0:0::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ["::1", "0:0:0:0::/64"],
])("the clients of %s are counted as %s", (text, key) => {
  expect(counted(text)).toBe(key);
});

test.each([
  "",
  "unknown",
  "_hidden",
  "example.com",
  "203.0.113",
  "203.0.113.7.8",
  "01.2.3.4",
  "1.2.3.4, 5.6.7.8",
  "[::1",
  "::1]:80",
  "1.2.3.4:x",
])("%j is no address", (text) => {
  expect(parseIpAddress(text)).toBeUndefined();
});

test("a list contains the addresses of its ranges and names, in every form", () => {
  const list = new AddressList(["loopback", "203.0.113.0/24", "2001:db8::/32", "198.51.100.9"]);
  const has = (text: string) => {
    const address = parseIpAddress(text);
    return address !== undefined && list.has(address);
  };
  for (const inside of [
    "127.0.0.9",
    "::1",
    "203.0.113.255",
    "::ffff:203.0.113.1",
    "2001:db8:ffff::1",
    "198.51.100.9",
  ]) {
    expect([inside, has(inside)]).toEqual([inside, true]);
  }
  for (const outside of [
    "128.0.0.1",
    "::2",
    "203.0.114.0",
    "2001:db9::1",
    "198.51.100.8",
    "10.0.0.1",
  ]) {
    expect([outside, has(outside)]).toEqual([outside, false]);
  }
});

test.each([
  ["10.0.0.0/8", true],
  ["10.0.0.1", true],
  ["::/0", true],
  ["::ffff:10.0.0.0/104", true],
  ["private", true],
  ["10.0.0.0/33", false],
  ["2001:db8::/129", false],
  ["10.0.0.1:80", false],
  ["proxy.internal", false],
  ["10.0.0.0/", false],
  ["10.0.0.0/-1", false],
  ["", false],
  ["toString", false],
])("the validity of the range %j is %s", (range, isValid) => {
  expect(isAddressRange(range)).toBe(isValid);
});
