/** Raised inside the verifier and turned into `{ ok: false, at, reason }` at its border. */
export class Rejection extends Error {
  override name = 'Rejection'
  readonly at: string
  readonly reason: string
  constructor(at: string, reason: string) {
    super(`${at}: ${reason}`)
    this.at = at
    this.reason = reason
  }
}
