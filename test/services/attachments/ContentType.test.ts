import { describe, expect, it } from "@effect/vitest"
import { isTextType, typeOf } from "../../../src/services/attachments/ContentType.ts"

const bytes = (text: string) => Buffer.from(text, "latin1")

describe("ContentType", () => {
  it.each([
    ["a PNG", "\x89PNG\r\n\x1a\n", "", "image/png"],
    ["a JPEG that claims to be a text", "\xff\xd8\xff\xe0", "text/plain", "image/jpeg"],
    ["a GIF", "GIF89a....", "image/png", "image/gif"],
    ["a WebP", "RIFF\x10\0\0\0WEBPVP8 ", "", "image/webp"],
    ["a text with WEBP in its place", "12345678WEBP", "", "text/plain"],
    ["a WAV", "RIFF\x10\0\0\0WAVEfmt ", "", "audio/wav"],
    ["an MP4", "\0\0\0\x18ftypisom", "", "video/mp4"],
    ["a PDF", "%PDF-1.7\n", "image/png", "application/pdf"],
    ["a PDF after other bytes", "x%PDF-1.7\n", "application/pdf", "text/plain"],
    ["a GIF that is also a script", "GIF89a/*\0\0*/=1;alert(1)", "text/javascript", "image/gif"],
    ["a program for Windows", "MZ\x90\0\x03\0", "image/png", "application/vnd.microsoft.portable-executable"],
    ["a text that begins with MZ", "MZ is short", "", "text/plain"],
    ["a text that begins with BM", "BMW", "", "text/plain"],
    ["a program for Linux", "\x7fELF\x02", "text/plain", "application/x-elf"],
    ["a zip file", "PK\x03\x04....", "image/png", "application/zip"],
    ["a zip file that claims to be a program", "PK\x03\x04....", "application/x-msdownload", "application/zip"],
    ["an unknown binary", "\0\x01\x02", "image/png", "application/octet-stream"],
    ["bytes that are no UTF-8", "caf\xe9 \xff", "text/plain", "application/octet-stream"],
    ["a text with a claim", "a,b", "text/csv; charset=utf-8", "text/csv"],
    ["a text with the claim of a picture", "a,b", "image/png", "text/plain"],
    ["an SVG", "<svg/>", "IMAGE/SVG+XML", "image/svg+xml"],
    ["JSON", "{}", "application/json", "application/json"],
    ["a text with a strange claim", "x", "text/x;y\r\nSet-Cookie: z", "text/x"],
    ["nothing known and a claim without sense", "x", "\0", "text/plain"],
  ])("The type of %s comes from its content.", (_, content, claimed, type) => {
    expect(typeOf(bytes(content), claimed)).toBe(type)
  })

  it("A zip file may say which document it is.", () => {
    const docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    expect(typeOf(bytes("PK\x03\x04"), docx)).toBe(docx)
  })

  it("A character that the checked part cuts in half does not make a text binary.", () => {
    expect(typeOf(Buffer.from(`${"a".repeat(65_535)}é and more`), "")).toBe("text/plain")
    expect(typeOf(Buffer.from("é").subarray(0, 1), "")).toBe("application/octet-stream")
  })

  it("Markdown, JSON and SVG are texts. Pictures are not.", () => {
    expect(["text/markdown", "application/json", "image/svg+xml"].every(isTextType)).toBe(true)
    expect(isTextType("image/png")).toBe(false)
  })
})
