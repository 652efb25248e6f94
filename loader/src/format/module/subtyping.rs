//! What recursion groups and super types have to obey; a part of `check`.

use super::MAX_SUBTYPING_DEPTH;
use super::check::{index, val_type};
use super::view::{ModuleView, SubTypeView, TypeHead, ValTypes};
use crate::error::{Refused, TableError};
use crate::format::wire::Reader;

pub(super) fn types(module: &ModuleView<'_>) -> Result<(), Refused> {
    // One past the last type of the recursion group.
    let mut group_end = 0;
    module.types.check("a type", |number, ty, at| {
        if number == group_end {
            group_end = end_of_group(at, number, module)?;
        }
        // A type may name those of its group and those before.
        for ty in ty.func().params().chain(ty.func().results()) {
            val_type(at, ty, group_end)?;
        }
        match ty.supertype() {
            Some(supertype) => sub_type(at, (number, &ty), supertype, module),
            None => Ok(()),
        }
    })
}

/// One past the last type of the recursion group that begins at `first`.
fn end_of_group(at: &Reader<'_>, first: u32, module: &ModuleView<'_>) -> Result<u32, Refused> {
    for number in first..module.types.len() {
        if type_head(at, number, module)?.ends_group {
            return Ok(number.saturating_add(1));
        }
    }
    Err(at.fail(TableError::OpenGroup { first }))
}

pub(super) fn type_head(
    at: &Reader<'_>,
    ty: u32,
    module: &ModuleView<'_>,
) -> Result<TypeHead, Refused> {
    let limit = module.types.len();
    (module.type_head(ty)).unwrap_or_else(|| {
        Err(at.fail(TableError::Index {
            what: "a type",
            found: ty,
            limit,
        }))
    })
}

/// May a type declare this super type? What the types behind numbers have in common is not looked into, as that needs
/// memory; functions of both are called in the same way.
fn sub_type(
    at: &Reader<'_>,
    (number, ty): (u32, &SubTypeView<'_>),
    supertype: u32,
    module: &ModuleView<'_>,
) -> Result<(), Refused> {
    index(at, "a super type", supertype, number)?;
    let head = type_head(at, supertype, module)?;
    if head.is_final {
        return Err(at.fail(TableError::FinalSuperType { found: supertype }));
    }
    let mut depth = 1u32;
    let mut above = head.supertype;
    while let Some(next) = above {
        depth = depth.saturating_add(1);
        if depth > MAX_SUBTYPING_DEPTH {
            return Err(at.fail(TableError::SubtypingDepth));
        }
        // Those above were checked before, so their super types are there, and ahead of them.
        above = type_head(at, next, module)?.supertype;
    }
    let mismatch = || {
        at.fail(TableError::SuperType {
            found: supertype,
            of: number,
        })
    };
    let func = ty.func();
    // The counts first: so the types of the super type are no more than these.
    if (head.params, head.results) != (count(func.params()), count(func.results())) {
        return Err(mismatch());
    }
    let Some(above) = module.types.get(supertype) else {
        return Err(mismatch());
    };
    let above = above.func();
    let params_match = (above.params().zip(func.params())).all(|(found, own)| found.may_be(own));
    let results_match = (func.results().zip(above.results())).all(|(own, above)| own.may_be(above));
    if params_match && results_match {
        Ok(())
    } else {
        Err(mismatch())
    }
}

fn count(types: ValTypes<'_>) -> u32 {
    // A list is made of a count of 32 bits.
    u32::try_from(types.len()).unwrap_or(u32::MAX)
}
