/**
 * Printable: makes foreign text safe for a terminal, which would otherwise execute its control characters. The command
 * line and the log use it.
 */

/**
 * Control characters except line feed and tab: they move the cursor, rename windows and write to clipboards. Bidi
 * controls, which reorder the characters of a name. Line separators and halves of surrogate pairs.
 */
const UNSAFE = /(?![\n\t])[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}\p{Cs}]/gu

/** Returns the text with U+FFFD in place of each unsafe character. */
export const printable = (text: string): string => text.replaceAll("\r\n", "\n").replace(UNSAFE, "\u{FFFD}")

/** Returns the JSON with each unsafe character escaped, so that its value stays the same. */
export const printableJson = (json: string): string => json.replace(UNSAFE, escaped)

/** Returns the JSON in ASCII, which every terminal shows unchanged. */
export const asciiJson = (json: string): string => json.replace(/[^\n -~]/g, escaped)

const escaped = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`

/** Returns the printable text on one line. */
export const line = (text: string): string => printable(text).replace(/\s+/g, " ").trim()
