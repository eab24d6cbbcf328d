/** A weight as it is after import: row-major entries, `data.length` the product of `shape`. */
export interface FloatTensor {
  shape: number[]
  data: Float32Array
}
