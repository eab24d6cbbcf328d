/** Elementary functions that give the same doubles on every engine; see README.md. */
export { erf } from './erf.ts'
export { exp, ln, pow, sigmoid, tanh } from './exponential.ts'
export { cos, sin } from './trigonometry.ts'
