// Any course of commands, faults, restarts and takeovers: nothing told is lost, doubled or reordered, and everything comes right again.
import fc from "fast-check";
import { expect, test } from "vitest";
import { anyCourse, CourseWorld } from "../sim/course.ts";
import { courseFaults } from "../sim/course-check.ts";

/** About six seconds. A failing run prints its seed and path; hand both to `assert` to see it again. */
const RUNS = 150;

test("shard loop: any course: every answer stands in the log with its bytes, and live, recovered and replayed states are one", async () => {
  await fc.assert(
    fc.asyncProperty(anyCourse, async (course) => {
      const world = new CourseWorld();
      await world.time.settle();
      for (const step of course) await world.play(step);
      await world.heal();
      expect(await courseFaults(world)).toEqual([]);
    }),
    { numRuns: RUNS },
  );
});
