import { expect, test } from 'vitest'
import { loadBackend } from '../../backend/index.ts'
import { balancing } from '../../proof/malicious.ts'
import { verifyWindow } from '../verify.ts'
import { forge, proveForged } from './forge.ts'
import { attacks } from './index.ts'

const backend = loadBackend()

test.each(attacks(backend).map(a => [a.name, a] as const))(
  '%s: the proof is rejected',
  async (_, { fixture, cheat }) => {
    const link = await proveForged(balancing(backend), forge(backend, fixture, cheat))
    expect(verifyWindow(link)).toEqual({
      ok: false,
      at: 'opening/claim',
      reason: 'the linear claim on the commitments is false',
    })
  },
)
