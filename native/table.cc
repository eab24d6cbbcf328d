// The kernels of one instruction set.
#include "kernels.h"

#define PM_STRING2(x) #x
#define PM_STRING(x) PM_STRING2(x)

namespace PM_ISA {
extern const Kernels table;
const Kernels table = {PM_STRING(PM_ISA), commit,     columns,      combine,    dot,           expand, axpy,
                       addScalar,         fold,       productRound,  productSum, innerRound,    fractionLevel,
                       fractionUp,        fractionStart, fractionFold, matmul,    addProduct,    rowNorm, grind};
}  // namespace PM_ISA
