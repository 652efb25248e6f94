//! From a script's text to a script of objects: parses it, compiles its modules, and decides about
//! those that must be refused.

use std::collections::HashMap;

use wast::lexer::Lexer;
use wast::parser::{ParseBuffer, parse};
use wast::token::Id;
use wast::{QuoteWat, Wast, WastDirective, WastExecute, Wat};

use super::compile::{Compile, Refusal};
use super::convert::{self, Skip};
use super::protocol::Outcome;
use super::script::{Command, Directive, Script};
use super::suite::Source;

/// A translated script, and the outcomes that are already known.
#[derive(Debug, Default, PartialEq)]
pub struct Translation {
    /// For the target side.
    pub script: Script,
    /// Line and outcome of each directive that was decided here.
    pub decided: Vec<(u32, Outcome)>,
}

/// Translates a script. A file that cannot be parsed is one failure.
pub fn translate(source: &Source, compiler: &mut dyn Compile) -> Translation {
    let mut translator = Translator {
        compiler,
        objects: HashMap::new(),
        lines: Lines::new(&source.text),
        line: 1,
        result: Translation::default(),
    };
    translator.result.script.file.clone_from(&source.name);
    if let Err(error) = translator.file(&source.text) {
        let line = translator.lines.of(error.span().offset());
        translator
            .result
            .decided
            .push((line, Outcome::Failed(error.message())));
    }
    translator.result
}

/// Byte offsets of line starts: the parser's own search begins at the top for each directive.
struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    fn new(text: &str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Lines {
            starts: std::iter::once(0)
                .chain(ends.map(|(offset, _)| offset + 1))
                .collect(),
        }
    }

    /// The line, from 1, of a byte offset.
    fn of(&self, offset: usize) -> u32 {
        let line = self.starts.partition_point(|start| *start <= offset);
        u32::try_from(line).unwrap_or(u32::MAX)
    }
}

/// What became of a module's text.
enum Compiled {
    /// Index of its object.
    Object(u32),
    /// The text is malformed, or the compiler refused it.
    Refused(Refusal),
}

struct Translator<'c> {
    compiler: &'c mut dyn Compile,
    /// Index of the object of each binary module.
    objects: HashMap<Vec<u8>, u32>,
    lines: Lines,
    line: u32,
    result: Translation,
}

impl Translator<'_> {
    fn file(&mut self, text: &str) -> Result<(), wast::Error> {
        let mut lexer = Lexer::new(text);
        // The suite has names in every script and direction.
        lexer.allow_confusing_unicode(true);
        let buffer = ParseBuffer::new_with_lexer(lexer)?;
        for directive in parse::<Wast<'_>>(&buffer)?.directives {
            self.line = self.lines.of(directive.span().offset());
            if let Err(skip) = self.directive(directive) {
                self.decide(Outcome::Skipped(skip));
            }
        }
        Ok(())
    }

    fn decide(&mut self, outcome: Outcome) {
        self.result.decided.push((self.line, outcome));
    }

    fn push(&mut self, directive: Directive) {
        self.result.script.commands.push(Command {
            line: self.line,
            directive,
        });
    }

    fn directive(&mut self, directive: WastDirective<'_>) -> Result<(), Skip> {
        match directive {
            WastDirective::Module(mut module) => {
                let name = name_of(module.name());
                self.module(name, &mut module, |name, object| Directive::Module {
                    name,
                    object,
                });
            }
            WastDirective::ModuleDefinition(mut module) => {
                let name = name_of(module.name());
                self.module(name, &mut module, |name, object| Directive::Definition {
                    name,
                    object,
                });
            }
            WastDirective::ModuleInstance {
                instance, module, ..
            } => {
                self.push(Directive::Instance {
                    name: name_of(instance),
                    definition: name_of(module),
                });
            }
            WastDirective::Register { name, module, .. } => {
                self.push(Directive::Register {
                    name: name.to_owned(),
                    module: name_of(module),
                });
            }
            WastDirective::Invoke(call) => {
                let action = convert::invoke(&call)?;
                self.push(Directive::Perform(action));
            }
            WastDirective::AssertReturn { exec, results, .. } => {
                let expected = convert::patterns(&results)?;
                let action = convert::action(&exec)?
                    .ok_or_else(|| "assert_return of a module is not supported".to_owned())?;
                self.push(Directive::AssertReturn { action, expected });
            }
            WastDirective::AssertTrap {
                exec: WastExecute::Wat(module),
                message,
                ..
            } => {
                self.assert_module(module, message, |object, message| {
                    Directive::AssertUninstantiable { object, message }
                });
            }
            WastDirective::AssertTrap { exec, message, .. } => {
                if let Some(action) = convert::action(&exec)? {
                    self.push(Directive::AssertTrap {
                        action,
                        message: message.to_owned(),
                    });
                }
            }
            WastDirective::AssertExhaustion { call, message, .. } => {
                let action = convert::invoke(&call)?;
                self.push(Directive::AssertExhaustion {
                    action,
                    message: message.to_owned(),
                });
            }
            WastDirective::AssertUnlinkable {
                module, message, ..
            } => {
                self.assert_module(module, message, |object, message| {
                    Directive::AssertUnlinkable { object, message }
                });
            }
            WastDirective::AssertMalformed {
                mut module,
                message,
                ..
            }
            | WastDirective::AssertInvalid {
                mut module,
                message,
                ..
            } => {
                self.assert_refused(&mut module, message);
            }
            WastDirective::AssertMalformedCustom { .. }
            | WastDirective::AssertInvalidCustom { .. } => {
                return Err("custom sections are not checked by this compiler".into());
            }
            WastDirective::AssertException { exec, .. } => {
                let action = convert::action(&exec)?
                    .ok_or_else(|| "assert_exception of a module is not supported".to_owned())?;
                self.push(Directive::AssertException { action });
            }
            WastDirective::AssertSuspension { .. } => {
                return Err("stack switching is not in this build".into());
            }
            WastDirective::Thread(_) | WastDirective::Wait { .. } => {
                return Err("threads are not in this build".into());
            }
        }
        Ok(())
    }

    /// A module that must compile.
    fn module(
        &mut self,
        name: Option<String>,
        module: &mut QuoteWat<'_>,
        directive: impl FnOnce(Option<String>, u32) -> Directive,
    ) {
        match self.compile(module) {
            Compiled::Object(object) => self.push(directive(name, object)),
            Compiled::Refused(refusal) => {
                let (outcome, skipped) = match refusal {
                    Refusal::Unsupported(reason) => {
                        (Outcome::Skipped(reason.clone()), Some(reason))
                    }
                    Refusal::Invalid(message) => (
                        Outcome::Failed(format!("expected an object, found: {message}")),
                        None,
                    ),
                    Refusal::Broken(message) => (
                        Outcome::Failed(format!("the compiler failed: {message}")),
                        None,
                    ),
                };
                self.decide(outcome);
                self.push(Directive::Missing { name, skipped });
            }
        }
    }

    /// A module that must compile, but not instantiate.
    fn assert_module(
        &mut self,
        module: Wat<'_>,
        message: &str,
        directive: impl FnOnce(u32, String) -> Directive,
    ) {
        match self.compile(&mut QuoteWat::Wat(module)) {
            Compiled::Object(object) => self.push(directive(object, message.to_owned())),
            Compiled::Refused(Refusal::Unsupported(reason)) => {
                self.decide(Outcome::Skipped(reason))
            }
            Compiled::Refused(Refusal::Invalid(found) | Refusal::Broken(found)) => self.decide(
                Outcome::Failed(format!("expected an object ({message}), found: {found}")),
            ),
        }
    }

    /// A module that must not compile. The specification's message is not compared: the words of
    /// parsers differ.
    fn assert_refused(&mut self, module: &mut QuoteWat<'_>, message: &str) {
        let outcome = match self.compile(module) {
            Compiled::Refused(Refusal::Invalid(_) | Refusal::Unsupported(_)) => Outcome::Passed,
            Compiled::Refused(Refusal::Broken(found)) => Outcome::Failed(format!(
                "expected a refusal ({message}), the compiler failed: {found}"
            )),
            Compiled::Object(_) => {
                Outcome::Failed(format!("expected a refusal ({message}), found an object"))
            }
        };
        self.decide(outcome);
    }

    fn compile(&mut self, module: &mut QuoteWat<'_>) -> Compiled {
        let wasm = match module.encode() {
            Ok(wasm) => wasm,
            Err(error) => return Compiled::Refused(Refusal::Invalid(error.message())),
        };
        if let Some(object) = self.objects.get(&wasm) {
            return Compiled::Object(*object);
        }
        match self.compiler.compile(&wasm) {
            Ok(bytes) => {
                let objects = &mut self.result.script.objects;
                // Far fewer modules than that fit in memory.
                let index = u32::try_from(objects.len()).unwrap_or(u32::MAX);
                objects.push(bytes);
                self.objects.insert(wasm, index);
                Compiled::Object(index)
            }
            Err(refusal) => Compiled::Refused(refusal),
        }
    }
}

fn name_of(id: Option<Id<'_>>) -> Option<String> {
    id.map(|id| id.name().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Knows only whether a module is valid.
    struct Validate;

    impl Compile for Validate {
        fn compile(&mut self, wasm: &[u8]) -> Result<Vec<u8>, Refusal> {
            if wasm.len() == 8 {
                return Err(Refusal::Unsupported("empty modules".into()));
            }
            match wasmparser::Validator::new().validate_all(wasm) {
                Ok(_) => Ok(wasm.to_vec()),
                Err(error) => Err(Refusal::Invalid(error.to_string())),
            }
        }
    }

    fn translated(text: &str) -> Translation {
        translate(
            &Source {
                name: "t.wast".into(),
                text: text.into(),
                without: wasmparser::WasmFeatures::empty(),
            },
            &mut Validate,
        )
    }

    #[test]
    fn modules_that_must_be_refused_are_decided_here() {
        let cases = [
            (r#"(assert_malformed (module quote "(func") "x")"#, true),
            (r#"(assert_malformed (module binary "\00asm") "x")"#, true),
            (r#"(assert_invalid (module (func (result i32))) "x")"#, true),
            (r#"(assert_invalid (module (func)) "x")"#, false),
            (r#"(assert_malformed (module quote "(func)") "x")"#, false),
            (r#"(module (func (result i32)))"#, false),
        ];
        for (text, passes) in cases {
            let translation = translated(text);
            let outcome = translation.decided.first().map(|(_, outcome)| outcome);
            assert_eq!(
                outcome == Some(&Outcome::Passed),
                passes,
                "{text}: {outcome:?}"
            );
            assert!(
                matches!(outcome, Some(Outcome::Passed | Outcome::Failed(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn lines_are_counted_from_one_and_equal_modules_share_an_object() {
        let translation = translated(
            "(module (func (export \"f\")))\n\n(module (func (export \"f\")))\n  (invoke \"f\")",
        );
        let script = translation.script;
        assert_eq!(script.objects.len(), 1);
        assert_eq!(
            script
                .commands
                .iter()
                .map(|command| command.line)
                .collect::<Vec<_>>(),
            [1, 3, 4]
        );
    }

    #[test]
    fn what_uses_a_skipped_module_knows_why() {
        let translation = translated("(module)");
        assert_eq!(
            translation.decided,
            [(1, Outcome::Skipped("empty modules".into()))]
        );
        assert_eq!(
            translation.script.commands[0].directive,
            Directive::Missing {
                name: None,
                skipped: Some("empty modules".into())
            }
        );
    }

    #[test]
    fn a_file_that_cannot_be_parsed_is_a_failure_with_its_line() {
        let translation = translated("(module)\n(module (func\n");
        assert!(matches!(
            translation.decided.as_slice(),
            [(2.., Outcome::Failed(_))]
        ));
    }
}
