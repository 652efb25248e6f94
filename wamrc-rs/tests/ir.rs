//! Snapshots of the IR that small modules become: `ir/NAME.wat` beside `snapshots/ir__NAME.wat.snap`.
//!
//! A module's first lines may say how to compile it: `;;! frames`, `;;! bounds-checks`,
//! `;;! count-calls`, `;;! stack-checks`, `;;! strict-traps`, `;;! target=NAME`, `;;! abi=NAME`, `;;! thunks` to
//! show those too, `;;! opt` for optimised IR and `;;! asm` for assembly. Debug locations are left out, and alias metadata is shown as the region it stands for.

use std::collections::HashMap;
use std::fs;

use wamrc_rs::options::{optional_features, supported_features};
use wamrc_rs::{FrameStrategy, Options, OutputFormat, compile};

#[test]
fn modules_become_the_reviewed_ir() {
    insta::glob!("ir/*.wat", |path| {
        let source = fs::read_to_string(path).expect("the module can be read");
        let options = options(&source);
        let output = compile(source.as_bytes(), &options).expect("the module compiles");
        let text = String::from_utf8(output.bytes).expect("LLVM prints UTF-8");
        let text = if options.format == OutputFormat::Asm {
            assembly(&text)
        } else {
            ir(&text, source.contains(";;! thunks"))
        };
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false, description => source.trim_end().to_owned() }, {
            insta::assert_snapshot!(text);
        });
    });
}

fn options(source: &str) -> Options {
    let mut options = Options {
        format: OutputFormat::LlvmIrUnopt,
        features: supported_features() | optional_features(),
        ..Options::default()
    };
    options.target.target = Some("x86_64-unknown-linux-gnu".into());
    for word in source
        .lines()
        .map_while(|line| line.strip_prefix(";;!"))
        .flat_map(str::split_whitespace)
    {
        match word {
            "frames" => options.frames.strategy = FrameStrategy::Explicit,
            "mapped" => options.frames.strategy = FrameStrategy::Mapped,
            "all" => options.frames.all = true,
            "safepoints" => options.safepoints = true,
            "call-stack" => {
                options.frames.strategy = FrameStrategy::Explicit;
                options.frames.features = wamrc_rs::CallStackFeatures::CALL_STACK;
            }
            "count-calls" => options.count_calls = true,
            "bounds-checks" => options.bounds_checks = Some(true),
            "stack-checks" => options.stack_bounds_checks = Some(true),
            "strict-traps" => options.strict_traps = true,
            "opt" => options.format = OutputFormat::LlvmIrOpt,
            "asm" => options.format = OutputFormat::Asm,
            "thunks" => {}
            other => match other.split_once('=') {
                Some(("target", target)) => options.target.target = Some(target.into()),
                Some(("abi", abi)) => options.target.abi = Some(abi.into()),
                _ => panic!("unknown word in a `;;!` line: {other}"),
            },
        }
    }
    options
}

/// The functions of the module, thunks only if asked for, without what does not belong to translation.
fn ir(text: &str, thunks: bool) -> String {
    let nodes: HashMap<&str, &str> = text
        .lines()
        .filter_map(|line| line.split_once(" = "))
        .collect();
    let regions = regions(&nodes);
    let mut lines = Vec::new();
    let mut in_thunk = false;
    for line in text.lines() {
        if line.starts_with("define") {
            in_thunk = line.contains("@wamr.enter.") || line.contains("@wamr.host.");
        }
        if in_thunk && !thunks || line.starts_with([';', '!']) || line.starts_with("attributes") {
            in_thunk &= line != "}";
            continue;
        }
        if ["source_filename", "target ", "declare"]
            .iter()
            .any(|prefix| line.starts_with(prefix))
        {
            continue;
        }
        lines.push(clean(line, &nodes, &regions));
    }
    let mut text = lines.join("\n");
    while text.contains("\n\n\n") {
        text = text.replace("\n\n\n", "\n\n");
    }
    text.trim().to_owned()
}

/// Names of the alias scope lists, by their metadata number.
fn regions<'a>(nodes: &HashMap<&'a str, &'a str>) -> HashMap<&'a str, &'a str> {
    let name = |node: &str| {
        nodes
            .get(node)
            .and_then(|value| value.strip_prefix("!{!\"")?.split('"').next())
    };
    nodes
        .iter()
        .filter_map(|(number, value)| {
            let only = value.strip_prefix("!{")?.strip_suffix('}')?;
            let name = name(only)?;
            ["memory", "instance", "frame"]
                .contains(&name)
                .then_some((*number, name))
        })
        .collect()
}

/// A line without its debug location, its regions by name.
fn clean(line: &str, nodes: &HashMap<&str, &str>, regions: &HashMap<&str, &str>) -> String {
    let mut parts: Vec<String> = Vec::new();
    for part in line.split(", ") {
        let (head, brace) = match part.strip_suffix(" {") {
            Some(head) => (head, " {"),
            None => (part, ""),
        };
        if let Some(scope) = head.strip_prefix("!alias.scope ") {
            parts.push(format!("region {}", regions.get(scope).unwrap_or(&"?")));
        } else if head.starts_with("!noalias ") || head.starts_with("!dbg ") {
        } else if head.starts_with("!invariant.load ") {
            parts.push("invariant".to_owned());
        } else if let Some(node) = head.strip_prefix("!dereferenceable ") {
            let bytes = nodes
                .get(node)
                .and_then(|value| value.strip_prefix("!{i64 "))
                .unwrap_or("?}");
            parts.push(format!("dereferenceable {}", bytes.trim_end_matches('}')));
        } else if let Some(node) = head.strip_prefix("!prof ") {
            let weights = nodes.get(node).copied().unwrap_or("?");
            parts.push(if weights.contains("i32 1048575") {
                "unlikely".to_owned()
            } else {
                weights.replace("!{!\"branch_weights\"", "{weights")
            });
        } else if let Some((head, _)) = head.split_once(" !dbg ") {
            parts.push(format!("{head}{brace}"));
        } else {
            parts.push(part.to_owned());
        }
    }
    let line = parts.join(", ");
    // Attribute groups are numbered across the module.
    let mut words: Vec<&str> = line.split(' ').collect();
    words.retain(|word| !(word.starts_with('#') && word[1..].chars().all(|c| c.is_ascii_digit())));
    words.join(" ")
}

/// The instructions of the module's functions.
fn assembly(text: &str) -> String {
    let mut lines = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with("wamr.f") {
            inside = true;
        }
        let word = line.trim_start();
        let directive = word.starts_with('.') && !word.ends_with(':')
            || word.starts_with(".Ltmp")
            || word.starts_with(".Lfunc");
        if inside && !directive && !word.starts_with('#') {
            lines.push(
                line.split('#')
                    .next()
                    .unwrap_or(line)
                    .trim_end()
                    .replace('\t', "    "),
            );
        }
        if word.starts_with(".size") {
            inside = false;
        }
    }
    lines.join("\n")
}
