// The Merkle tree over `leaves` (a power of two) digests, levels one after the other at a stride of 32 bytes.
#pragma once
#include "goldilocks.h"

namespace PM_ISA {
void hashTree(size_t leaves, u8* tree);
}
