//! Branch hints: the custom section `metadata.code.branch_hint`.
//!
//! <https://webassembly.github.io/spec/core/appendix/custom.html#branch-hints>

use std::collections::BTreeMap;

use wasmparser::{
    BranchHintSectionReader, CustomSectionValidator, FunctionBody, Payload, Result, Validator,
};

/// Name of the section.
const SECTION: &str = "metadata.code.branch_hint";

/// Reads hints beside the module. Their errors are no errors of the module: the hints are ignored then.
#[derive(Default)]
pub(super) struct HintReader {
    validator: CustomSectionValidator,
    module: Option<usize>,
    code_seen: bool,
    /// By function index and offset in the body: is the condition likely to hold?
    hints: BTreeMap<u32, BTreeMap<u32, bool>>,
    error: Option<String>,
}

impl HintReader {
    /// Takes what the module's validator has found to be right.
    pub(super) fn payload(&mut self, payload: &Payload<'_>, validator: &Validator) {
        let result = match payload {
            Payload::Version { .. } => {
                let result = self.validator.payload(payload, validator);
                self.module = Some(self.validator.current_module_id());
                result
            }
            Payload::CodeSectionStart { .. } => {
                self.code_seen = true;
                return;
            }
            Payload::CustomSection(section) if section.name() == SECTION => {
                if self.code_seen {
                    let error = "it has to stand before the code section".to_owned();
                    self.error.get_or_insert(error);
                    return;
                }
                self.validator
                    .payload(payload, validator)
                    .and_then(|()| BranchHintSectionReader::new(section.data_reader()))
                    .and_then(|reader| self.section(reader))
            }
            _ => return,
        };
        if let Err(error) = result {
            self.error.get_or_insert(error.to_string());
        }
    }

    fn section(&mut self, reader: BranchHintSectionReader<'_>) -> Result<()> {
        for function in reader {
            let function = function?;
            let hints = self.hints.entry(function.func).or_default();
            for hint in function.hints {
                let hint = hint?;
                hints.insert(hint.func_offset, hint.taken);
            }
        }
        Ok(())
    }

    /// The hints by the offset of their instruction in the module, once all bodies are known; else what is
    /// wrong with the section. `imported` functions come before the bodies in the index space.
    pub(super) fn finish(
        self,
        bodies: &[FunctionBody<'_>],
        imported: u32,
    ) -> Result<BTreeMap<u32, bool>, String> {
        if let Some(error) = self.error {
            return Err(ignored(&error));
        }
        let mut by_offset = BTreeMap::new();
        for (function, hints) in &self.hints {
            let Some((body, module)) = function
                .checked_sub(imported)
                .and_then(|defined| bodies.get(defined as usize))
                .zip(self.module)
            else {
                return Err(ignored(&format!("function {function} has no body")));
            };
            self.validator
                .code_section_entry(module, *function, body)
                .map_err(|error| ignored(&error.to_string()))?;
            for (offset, taken) in hints {
                // Instructions beyond 4 GiB are refused elsewhere.
                if let Ok(ip) = u32::try_from(body.range().start + u64::from(*offset)) {
                    by_offset.insert(ip, *taken);
                }
            }
        }
        Ok(by_offset)
    }
}

fn ignored(why: &str) -> String {
    format!("the custom section `{SECTION}` is ignored: {why}")
}

#[cfg(test)]
mod tests {
    use crate::module::parse;
    use crate::options::supported_features;

    /// A module of one import and one function: `local.get 0`, `if` at offset 3, `end`, `end`.
    fn hints(section: &str) -> Result<Vec<bool>, String> {
        let text = format!(
            r#"(module (import "" "f" (func)) {section} (func (param i32) (local.get 0) if end))"#
        );
        let wasm = wat::parse_str(text).unwrap();
        let module = parse(&wasm, supported_features()).unwrap();
        match module.warnings.first() {
            None => Ok(module.branch_hints.into_values().collect()),
            Some(warning) => Err(warning.clone()),
        }
    }

    fn section(bytes: &str) -> String {
        format!(r#"(@custom "metadata.code.branch_hint" (before code) "{bytes}")"#)
    }

    #[test]
    fn hints_are_read_or_ignored_with_a_reason() {
        assert_eq!(hints(""), Ok(vec![]));
        assert_eq!(hints(&section(r"\00")), Ok(vec![]));
        assert_eq!(hints(&section(r"\01\01\01\03\01\01")), Ok(vec![true]));
        assert_eq!(hints(&section(r"\01\01\01\03\01\00")), Ok(vec![false]));
        let late = section(r"\00").replace("before", "after");
        let twice = section(r"\00").repeat(2);
        for (section, expected) in [
            (section(""), "unexpected end"),
            (section(r"\01\01\01\03\01"), "unexpected end"),
            (
                section(r"\01\01\01\03\01\02"),
                "invalid branch hint taken byte",
            ),
            (section(r"\01\01\01\03\02\01"), "invalid branch hint byte"),
            (section(r"\01\01\01\01\01\01"), "isn't if or br_if"),
            (section(r"\01\01\01\02\01\01"), "between instructions"),
            (section(r"\01\01\01\7f\01\01"), "nonexistent instruction"),
            (section(r"\01\00\01\03\01\01"), "invalid function index 0"),
            (section(r"\01\02\01\03\01\01"), "invalid function index 2"),
            (
                section(r"\01\01\02\03\01\01\03\01\01"),
                "sorted by function offset",
            ),
            (section(r"\02\01\00\01\00"), "sorted by function index"),
            (twice, "duplicate"),
            (late, "before the code section"),
        ] {
            let warning = hints(&section).expect_err(&section);
            assert!(warning.contains(expected), "{section}: {warning}");
        }
    }
}
