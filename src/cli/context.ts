import type { Writable } from 'node:stream'
import type { Api, Job } from './api.ts'

/** An output stream, and whether a person watches it. */
export type Stream = Writable & { isTTY?: boolean; columns?: number }

/** Where a run of the command line reads, writes and stops; tests bring their own. */
export interface Context {
  api: Partial<Api>
  stdout: Stream
  stderr: Stream
  signal: AbortSignal
  /** What the process is to return; a verb sets 1 for a rejected proof. */
  exitCode: number
}

/** Options that every verb has. */
export interface CommonOptions {
  json?: boolean
  quiet?: boolean
}

/** What the body of a verb gets. */
export interface VerbRun {
  context: Context
  job: Job
  /** Prints the result: `object` under --json, else `text`. To be called once. */
  print(object: object, text: string): void
  /** A remark for people, on stderr; nothing under --quiet. */
  note(text: string): void
}
