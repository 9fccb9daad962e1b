/**
 * EncodedEvent: one frame of an event, as a group of subscribers receives it. Fanout.ts and CatchUp.ts make them.
 */
import type { Frame } from "../dialect/Dialect.ts"

export interface EncodedFrame {
  readonly frame: Frame
  /** The position of its event. A client that misses the frame resumes before it. `undefined`: it has no position. */
  readonly seq: number | undefined
  /** The frame's bytes, made when they are first needed and shared by all subscribers. */
  bytes: Buffer | undefined
}

export interface EncodedEvent extends EncodedFrame {
  /** The position that a subscriber reaches with it. One event may be several frames. */
  readonly at: number
}

/** Frames longer than this, in characters, are not joined with others. */
export const FRAME_CHARS = 65_536
