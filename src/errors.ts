/** Misuse or bad input: names the argument, what was expected and what came. The command line exits 2 on it. */
export class InputError extends Error {
  override name = 'InputError'
  readonly argument: string
  constructor(argument: string, expected: string, got: string) {
    super(`${argument}: expected ${expected}, got ${got}`)
    this.argument = argument
  }
}

/** A broken invariant of our own: always a bug in Proofmark. */
export class InternalError extends Error {
  override name = 'InternalError'
}
