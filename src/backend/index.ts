/** Picks the kernels: native where the addon loads, else portable; PROOFMARK_BACKEND=portable|native decides. */
import { InputError } from '../errors.ts'
import type { Backend } from './backend.ts'
import { nativeAvailable, nativeBackend } from './native.ts'
import { portableBackend } from './portable.ts'

export { nativeAvailable } from './native.ts'

let loaded: Backend | undefined

function choose(): Backend {
  const forced = process.env.PROOFMARK_BACKEND
  switch (forced) {
    case 'native':
      return nativeBackend()
    case 'portable':
      return portableBackend()
    case undefined:
    case '':
      return nativeAvailable() ? nativeBackend() : portableBackend()
    default:
      throw new InputError('PROOFMARK_BACKEND', 'portable or native', forced)
  }
}

/** The process's backend, chosen on the first call. */
export function loadBackend(): Backend {
  loaded ??= choose()
  return loaded
}
