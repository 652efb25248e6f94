//! Rewrites a module so that exceptions happen: more tags, and bodies that throw, call and catch more ([`super::body`]).
//! Waits for other threads become short.

use std::collections::VecDeque;

use wamrc_rs::options::{optional_features, supported_features};
use wasm_encoder::reencode::{self, Reencode, RoundtripReencoder};
use wasm_encoder::{CodeSection, Function, SectionId, TagKind, TagSection, TagType, TypeSection};
use wasmparser::{FuncType, ValType};

use super::body::Body;
use crate::differential::Kind;
use crate::frames::generate::Random;
use crate::reference::Module;

/// A module whose bodies are rewritten.
pub struct Plan<'m> {
    /// As it was.
    pub module: Module<'m>,
    pub kind: Kind,
    /// Function types: the module's, then those that new blocks have.
    pub types: Vec<FuncType>,
    /// Type of each tag: imports, the module's, new ones.
    pub tags: Vec<u32>,
    /// Index of the global that counts down.
    pub fuel: u32,
}

impl Plan<'_> {
    /// Index of a function type.
    pub fn type_index(&mut self, ty: FuncType) -> u32 {
        let known = self.types.iter().position(|known| *known == ty);
        let index = known.unwrap_or_else(|| {
            self.types.push(ty);
            self.types.len() - 1
        });
        index as u32
    }

    /// What exceptions of a tag hold.
    pub fn values_of(&self, tag: u32) -> Vec<ValType> {
        let ty = self.tags[tag as usize];
        self.types[ty as usize].params().to_vec()
    }
}

/// # Errors
/// The module is invalid.
pub fn rewrite(wasm: &[u8], kind: Kind, random: &mut Random) -> Result<Vec<u8>, String> {
    let features = supported_features() | optional_features();
    let module = Module::decode(wasm, features).map_err(|error| format!("{error:#}"))?;
    let bodies = module.bodies.clone();
    let known_tags = module.all_tags().count();
    let mut plan = Plan {
        kind,
        types: module.types.clone(),
        tags: module.all_tags().collect(),
        fuel: module.all_globals().count() as u32 - 1,
        module,
    };
    if kind.throws() {
        for _ in 0..random.between(1, 3) {
            let values = (0..random.below(4)).map(|_| value_type(kind, random));
            let ty = FuncType::new(values.collect::<Vec<_>>(), []);
            let ty = plan.type_index(ty);
            plan.tags.push(ty);
        }
    }
    let mut code = VecDeque::new();
    for (index, body) in (plan.module.imported_functions..).zip(&bodies) {
        code.push_back(Body::write(&mut plan, index as u32, body, random)?);
    }
    let mut rewriter = Rewriter {
        types: plan.types.split_off(plan.module.types.len()),
        tags: plan.tags.split_off(known_tags),
        tags_are_written: false,
        code,
    };
    let mut encoded = wasm_encoder::Module::new();
    rewriter
        .parse_core_module(&mut encoded, wasmparser::Parser::new(0), wasm)
        .map_err(|error| error.to_string())?;
    Ok(encoded.finish())
}

fn value_type(kind: Kind, random: &mut Random) -> ValType {
    let mut types = vec![
        ValType::I32,
        ValType::I32,
        ValType::I64,
        ValType::F32,
        ValType::F64,
        ValType::V128,
        ValType::FUNCREF,
        ValType::EXTERNREF,
    ];
    if kind == Kind::Exceptions {
        types.push(ValType::Ref(wasmparser::RefType::EXNREF));
    }
    *random.of(&types)
}

/// Writes the module again, with what is new.
struct Rewriter {
    /// New types.
    types: Vec<FuncType>,
    /// Types of the new tags.
    tags: Vec<u32>,
    tags_are_written: bool,
    /// New bodies.
    code: VecDeque<Function>,
}

type Reencoded = Result<(), reencode::Error>;

impl Rewriter {
    fn add_tags(&mut self, tags: &mut TagSection) {
        for ty in &self.tags {
            tags.tag(TagType {
                kind: TagKind::Exception,
                func_type_idx: *ty,
            });
        }
        self.tags_are_written = true;
    }
}

impl Reencode for Rewriter {
    type Error = std::convert::Infallible;

    fn parse_type_section(
        &mut self,
        types: &mut TypeSection,
        section: wasmparser::TypeSectionReader<'_>,
    ) -> Reencoded {
        reencode::utils::parse_type_section(self, types, section)?;
        for ty in self.types.clone() {
            types.ty().func_type(&RoundtripReencoder.func_type(ty)?);
        }
        Ok(())
    }

    fn parse_tag_section(
        &mut self,
        tags: &mut TagSection,
        section: wasmparser::TagSectionReader<'_>,
    ) -> Reencoded {
        reencode::utils::parse_tag_section(self, tags, section)?;
        self.add_tags(tags);
        Ok(())
    }

    fn intersperse_section_hook(
        &mut self,
        module: &mut wasm_encoder::Module,
        _after: Option<SectionId>,
        before: Option<SectionId>,
    ) -> Reencoded {
        // The fuel is a global, and stands behind the place of the tags.
        if before == Some(SectionId::Global) && !self.tags_are_written && !self.tags.is_empty() {
            let mut tags = TagSection::new();
            self.add_tags(&mut tags);
            module.section(&tags);
        }
        Ok(())
    }

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        func: wasmparser::FunctionBody<'_>,
    ) -> Reencoded {
        match self.code.pop_front() {
            Some(function) => {
                code.function(&function);
                Ok(())
            }
            None => reencode::utils::parse_function_body(self, code, func),
        }
    }
}
