import { expect, test } from "vitest";
import { MemoryFiles } from "../memory/files.ts";
import { DiskRoom, refusedFileSystem } from "./disk.ts";

function roomOf(freeBytes: () => number): { room: DiskRoom; asked: () => number; pass: (ms: number) => void } {
  let asked = 0;
  let now = 0;
  const files = new MemoryFiles({
    freeBytes() {
      asked += 1;
      return freeBytes();
    },
  });
  return {
    room: new DiskRoom({ files, folder: "/log", reserveBytes: 8_000, now: () => now }),
    asked: () => asked,
    pass(ms) {
      now += ms;
    },
  };
}

test("disk room: the disk is asked at most once a second while nothing is written", async () => {
  const { room, asked, pass } = roomOf(() => 10_000);
  await room.check();
  for (let i = 0; i < 50; i++) room.room();
  pass(999);
  expect([room.room(), asked()]).toEqual(["ok", 1]);
  pass(1);
  room.room();
  expect(asked()).toBe(2);
});

test("disk room: an eighth of the reserve written asks at once", async () => {
  let free = 8_500;
  const { room } = roomOf(() => free);
  await room.check();
  free = 7_999;
  room.wrote(999);
  await Promise.resolve();
  expect(room.room()).toBe("ok");
  room.wrote(1);
  await room.check();
  await Promise.resolve();
  expect(room.room()).toBe("low");
});

test("disk room: a full disk is low until it is asked again and has space", async () => {
  const { room, pass } = roomOf(() => 9_000);
  await room.check();
  room.full();
  expect(room.room()).toBe("low");
  pass(1_000);
  await room.check();
  expect(room.room()).toBe("ok");
});

test.each([
  ["NFS", 0x6969],
  ["FUSE or virtiofs", 0x65735546],
  ["CIFS", -11317950],
])("disk: %s is refused", (name, fileSystem) => {
  expect(refusedFileSystem(fileSystem)).toBe(name);
});

test.each([
  ["ext4", 0xef53],
  ["xfs", 0x58465342],
  ["btrfs", 0x9123683e],
  ["tmpfs", 0x01021994],
  ["overlayfs", 0x794c7630],
])("disk: %s is taken", (_name, fileSystem) => {
  expect(refusedFileSystem(fileSystem)).toBeNull();
});
