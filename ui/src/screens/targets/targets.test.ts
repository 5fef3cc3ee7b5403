import { describe, expect, test } from "vitest";
import { beneath, credentialsOf, namesFor, schemeOf, stepsOf } from "./keys";

describe("credentials", () => {
  test("are named as their kind of URL has them, and lines without a name say nothing", () => {
    expect([schemeOf("S3://b"), schemeOf("nothing"), namesFor("s3://b")[0], namesFor("file:///x").length]).toEqual(["s3", "", "access_key_id", 0]);
    expect(credentialsOf([{ name: " a ", value: " x " }, { name: "", value: "y" }])).toEqual({ a: " x " });
  });
});

describe("keys", () => {
  test("stand in folders, each with the prefix that leads there", () => {
    expect(stepsOf("oslo/data/")).toEqual([{ name: "oslo", prefix: "oslo/" }, { name: "data", prefix: "oslo/data/" }]);
    expect(stepsOf("oslo/da")).toEqual([{ name: "oslo", prefix: "oslo/" }, { name: "da", prefix: "oslo/da" }]);
    expect(stepsOf("")).toEqual([]);
    expect(beneath("oslo/data/a", "oslo/")).toEqual({ folder: "data/", name: "a" });
  });
});
