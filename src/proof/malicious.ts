/** Provers that go on where the honest one stops. Tests only. */
import type { Backend } from '../backend/backend.ts'
import type { Fixture } from './fixture.ts'
import { Rejection } from './rejection.ts'
import { verifyCore } from './verify-core.ts'

/** A backend whose fraction tree claims a zero sum, whatever its leaves. */
export const balancing = (backend: Backend): Backend =>
  new Proxy(backend, {
    get: (target, property) => {
      if (property === 'fractionUp') {
        const cheat: Backend['fractionUp'] = (level, out) => {
          target.fractionUp(level, out)
          if (out.q.c0.length === 1) for (const part of [out.p.c0, out.p.c1]) part.fill(0n)
        }
        return cheat
      }
      const value = target[property as keyof Backend]
      return typeof value === 'function' ? value.bind(target) : value
    },
  })

/** The verifier's verdict; anything but a Rejection is passed on. */
export const verdict = (fixture: Pick<Fixture, 'setup' | 'commitment' | 'statement'>, proof: Uint8Array): { ok: true } | { ok: false; at: string; reason: string } => {
  try {
    verifyCore(fixture.setup, { weights: fixture.commitment }, fixture.statement, proof)
    return { ok: true }
  } catch (error) {
    if (error instanceof Rejection) return { ok: false, at: error.at, reason: error.reason }
    throw error
  }
}
