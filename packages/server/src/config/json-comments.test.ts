import { describe, expect, it } from "vitest";
import { readConfigFile } from "./file.ts";
import { withoutComments } from "./json-comments.ts";

describe("comments in a file of settings", () => {
  it.each([
    ['{ // one\n  "a": 1 }', { a: 1 }],
    ['/* one\n two */ { "a": /* 2 */ 1, }', { a: 1 }],
    ['{ "a": [1, 2, // last\n ], }', { a: [1, 2] }],
    ['{ "a": "http://x/*y*/" }', { a: "http://x/*y*/" }],
    ['{ "a": "a \\" // b, ]" }', { a: 'a " // b, ]' }],
    ['{ "a,}": "\\\\" // "\n }', { "a,}": "\\" }],
    ['{ "a": 1 } // the end', { a: 1 }],
  ])("the settings of %j are read without its comments and last commas", (text, value) => {
    expect(JSON.parse(withoutComments(text))).toEqual(value);
  });

  it("what is left keeps its lines and columns, so a mistake is reported where it is", () => {
    const text = '{ /* é\r\n two */ "port": 1, // "x"\r\n  "host": tru }';
    expect(withoutComments(text)).toHaveLength(text.length);
    const { mistakes } = readConfigFile("settings.json", () => text);
    expect(mistakes).toEqual(["settings.json: is not valid JSON at line 3, column 11"]);
  });

  it("a comment that never ends is a mistake", () => {
    const { mistakes } = readConfigFile("settings.json", () => '{ "port": 1 } /* and so on');
    expect(mistakes).toEqual(["settings.json: is not valid JSON at line 1, column 15"]);
  });

  it.each(['{"a": 1,, }', "{,}", "[,]"])("%j stays wrong or becomes empty, as it reads", (text) => {
    if (text.includes(",,")) expect(() => JSON.parse(withoutComments(text))).toThrow();
    else expect(JSON.parse(withoutComments(text))).toEqual(text === "{,}" ? {} : []);
  });
});
