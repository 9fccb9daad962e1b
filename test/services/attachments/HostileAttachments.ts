/** Files that clients should not send, or should not get away with. HostileAttachments.test.ts sends each one. */
import { base64, png, upload } from "../../support/Files.ts"

/** The limits of the test. */
export const limits = { maxBytes: 1_000, maxImageBytes: 500, perMessage: 4 }

interface Upload {
  readonly name?: string
  readonly type?: string
  readonly data: string
}

/** The words of a refusal, or the kept reference. */
export type Outcome = { readonly refused: RegExp } | { readonly kept: { readonly name: string; readonly type: string } }

const refused = (words: RegExp): Outcome => ({ refused: words })
const kept = (name: string, type: string): Outcome => ({ kept: { name, type } })

const latin1 = (text: string): Buffer => Buffer.from(text, "latin1")

/** A zip file that claims four gigabytes in its header. */
const zipBomb = latin1("PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0\0\0\0\0\x10\0\0\0\xff\xff\xff\xff\x01\0\0\0a")

export const hostile: ReadonlyArray<readonly [title: string, files: ReadonlyArray<Upload>, outcome: Outcome]> = [
  // Sizes.
  ["no bytes", [{ name: "a", data: "" }], refused(/^attachment "a": empty payload/)],
  ["a data URL without bytes", [{ name: "a", data: "data:image/png;base64," }], refused(/empty payload/)],
  [
    "one byte over the limit",
    [upload("big.bin", Buffer.alloc(1_001))],
    refused(/"big.bin": exceeds size limit \(1001 > 1000 bytes\)/),
  ],
  ["as many bytes as the limit", [upload("big.bin", Buffer.alloc(1_000))], kept("big.bin", "application/octet-stream")],
  [
    "a picture one byte over its limit",
    [upload("p.png", png(1, 1, "x".repeat(468)))],
    refused(/"p.png": image exceeds size limit \(501 > 500 bytes\)/),
  ],
  ["a picture at its limit", [upload("p.png", png(1, 1, "x".repeat(467)))], kept("p.png", "image/png")],
  [
    "a big picture that claims to be a text",
    [upload("p.txt", png(1, 1, "x".repeat(468)), "text/plain")],
    refused(/image exceeds size limit/),
  ],
  ["a text of a megabyte", [upload("a.txt", "x".repeat(1_048_576))], refused(/\(1048576 > 1000 bytes\)/)],
  [
    "five files",
    Array.from({ length: 5 }, (_, n) => upload(`${n}`, "x")),
    refused(/has 5 attachments, the limit is 4/),
  ],
  [
    "a thousand files",
    Array.from({ length: 1_000 }, (_, n) => upload(`${n}`, "x")),
    refused(/has 1000 attachments, the limit is 4/),
  ],
  [
    "one bad file among good ones",
    [upload("a", "x"), { name: "b", data: "?" }],
    refused(/^attachment "b": invalid base64/),
  ],
  [
    "a file without a name among good ones",
    [upload("a", "x"), { data: "?" }],
    refused(/^attachment 2: invalid base64/),
  ],
  // Base64.
  ["no base64 at all", [{ name: "a", data: "<html>" }], refused(/invalid base64 content/)],
  ["a single character", [{ name: "a", data: "A" }], refused(/invalid base64 content/)],
  ["base64 of a wrong length", [{ name: "a", data: "AAAAA" }], refused(/invalid base64 content/)],
  ["padding only", [{ name: "a", data: "====" }], refused(/invalid base64 content/)],
  ["padding in the middle", [{ name: "a", data: "YWJj=ZGVm" }], refused(/invalid base64 content/)],
  ["characters between base64", [{ name: "a", data: "YW Jj\0ZGVm" }], refused(/invalid base64 content/)],
  [
    "a data URL that is not in base64",
    [{ name: "a", data: "data:text/html,<script>" }],
    refused(/invalid base64 content/),
  ],
  [
    "a link in place of the content",
    [{ name: "a", data: "http://127.0.0.1/secret" }],
    refused(/invalid base64 content/),
  ],
  ["a path in place of the content", [{ name: "a", data: "file:///etc/passwd" }], refused(/invalid base64 content/)],
  ["base64 without padding", [{ name: "a", data: "YQ" }], kept("a", "text/plain")],
  ["base64 over several lines", [{ name: "a", data: "YWJj\r\nZGVm\r\n" }], kept("a", "text/plain")],
  [
    "a data URL with a wrong type",
    [{ name: "a.png", data: `data:text/html;base64,${base64(png())}` }],
    kept("a.png", "image/png"),
  ],
  // Bombs and polyglots.
  [
    "a picture of four billion pixels",
    [upload("p.png", png(65_535, 65_535))],
    refused(/"p.png": image exceeds the limit of pixels/),
  ],
  [
    "a picture with the largest numbers",
    [upload("p.png", png(0xff_ff_ff_ff, 0xff_ff_ff_ff))],
    refused(/limit of pixels/),
  ],
  ["a zip bomb, which nobody unpacks", [upload("b.zip", zipBomb)], kept("b.zip", "application/zip")],
  [
    "a gzip that claims to be a text",
    [upload("a.txt", latin1("\x1f\x8b\x08\0"), "text/plain")],
    kept("a.txt", "application/gzip"),
  ],
  [
    "a GIF that is also a script",
    [upload("a.gif", "GIF89a/*\0\0*/=1;alert(1)", "text/javascript")],
    kept("a.gif", "image/gif"),
  ],
  [
    "a page that claims to be a picture",
    [upload("a.png", "<script>alert(1)</script>", "image/png")],
    kept("a.png", "text/plain"),
  ],
  [
    "a program that claims to be a picture",
    [upload("a.png", latin1("MZ\x90\0\x03"), "image/png")],
    kept("a.png", "application/vnd.microsoft.portable-executable"),
  ],
  ["a PNG whose header is cut off", [upload("a.png", "\x89PNG", "image/png")], kept("a.png", "text/plain")],
  ["a type with line ends and a header", [upload("a", "x", "text/x\r\nSet-Cookie: a=b")], kept("a", "text/plain")],
  // Names.
  ["a name that leads out of the folder", [upload("../../../etc/passwd", "x")], kept("passwd", "text/plain")],
  ["a name of Windows that leads out", [upload("..\\..\\boot.ini", "x")], kept("boot.ini", "text/plain")],
  ["an absolute path", [upload("/etc/shadow", "x")], kept("shadow", "text/plain")],
  ["two dots", [upload("..", "x")], kept("file.txt", "text/plain")],
  ["an empty name", [upload("", png())], kept("file.png", "image/png")],
  [
    "a name with control characters",
    [upload("a\x1b[2J\0b\r\n.txt", "x")],
    kept("a\u{FFFD}[2J\u{FFFD}b .txt", "text/plain"),
  ],
  ["a name that turns around", [upload("gnp\u202E.exe", "x")], kept("gnp\u{FFFD}.exe", "text/plain")],
  ["a name of a thousand characters", [upload("n".repeat(1_000), "x")], kept("n".repeat(200), "text/plain")],
  ["a name with half a character", [upload("a\ud83d", "x")], kept("a\u{FFFD}", "text/plain")],
]
