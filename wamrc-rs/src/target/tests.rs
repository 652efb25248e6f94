//! Targets resolve to what LLVM means by their names.

use std::process::Command;

use inkwell::OptimizationLevel;
use wamr_aot_loader::cpu;

use super::*;

fn target(name: &str, cpu: Option<&str>, features: Option<&str>) -> Result<Target> {
    Target::new(&TargetOptions {
        target: Some(name.to_owned()),
        cpu: cpu.map(str::to_owned),
        features: features.map(str::to_owned),
        ..TargetOptions::default()
    })
}

fn feature_names(target: &Target) -> Vec<&'static str> {
    cpu::names_of(target.elf_machine(), target.cpu_features()).collect()
}

#[test]
fn names_stand_for_triples() {
    let cases = [
        ("x86_64", None, "x86_64-unknown-linux-gnu", true),
        ("x86_64", Some("musl"), "x86_64-unknown-linux-musl", true),
        ("aarch64", None, "aarch64-unknown-linux-gnu", true),
        ("aarch64v8.2", None, "aarch64-unknown-linux-gnu", true),
        ("riscv64", None, "riscv64-unknown-linux-gnu", true),
        ("riscv64", Some("lp64"), "riscv64-unknown-linux-gnu", true),
        ("riscv32", Some("ilp32"), "riscv32-unknown-none-elf", false),
        ("x86_64-pc-linux-gnu", None, "x86_64-pc-linux-gnu", true),
        (
            "aarch64-unknown-none-elf",
            None,
            "aarch64-unknown-none-elf",
            false,
        ),
    ];
    for (name, abi, triple, guard_pages) in cases {
        let options = TargetOptions {
            target: Some(name.to_owned()),
            abi: abi.map(str::to_owned),
            ..TargetOptions::default()
        };
        let target = Target::new(&options).unwrap();
        assert_eq!(target.triple(), triple, "{name}");
        assert_eq!(target.has_guard_pages(), guard_pages, "{name}");
        assert_eq!(target.abi().machine(), target.elf_machine(), "{name}");
        assert_eq!(target.abi().width(), target.width(), "{name}");
        let machine = target.machine(OptimizationLevel::Default).unwrap();
        let pointer = machine.get_target_data().get_pointer_byte_size(None);
        assert_eq!(pointer, target.width().bytes(), "{name}");
    }
}

#[test]
fn what_is_unknown_or_does_not_fit_is_named() {
    let options = |target: &str, abi: &str, cpu: &str, features: &str, size_level| TargetOptions {
        target: Some(target.to_owned()).filter(|s| !s.is_empty()),
        abi: Some(abi.to_owned()).filter(|s| !s.is_empty()),
        cpu: Some(cpu.to_owned()).filter(|s| !s.is_empty()),
        features: Some(features.to_owned()).filter(|s| !s.is_empty()),
        size_level,
    };
    let foreign = if cfg!(target_arch = "riscv64") {
        "aarch64"
    } else {
        "riscv64"
    };
    let cases = [
        (
            options("i386", "", "", "", None),
            "unknown target `i386`; known: x86_64, aarch64",
        ),
        (
            options("aarch64v8.99", "", "", "", None),
            "unknown target `aarch64v8.99`",
        ),
        (
            options("x86_64-pc-windows-msvc", "", "", "", None),
            "`windows` has no ELF objects",
        ),
        (
            options("arm64-apple-darwin23", "", "", "", None),
            "`darwin23` has no ELF objects",
        ),
        (
            options("x86_64", "lp64d", "", "", None),
            "x86_64 has no ABI `lp64d`; known: gnu, musl",
        ),
        (
            options("x86_64", "", "haswel", "", None),
            "no CPU `haswel` (did you mean `haswell`?)",
        ),
        (options("x86_64", "", "i386", "", None), "no CPU `i386`"),
        (
            options("riscv64", "", "sifive-e20", "", None),
            "no CPU `sifive-e20`",
        ),
        (
            options(foreign, "", "native", "", None),
            "--cpu=native: the target is",
        ),
        (
            options("x86_64", "", "", "+avx9", None),
            "no feature `avx9`",
        ),
        (
            options("x86_64", "", "", "-sse2", None),
            "the ABI gnu needs the CPU feature `sse2`",
        ),
        (
            options("riscv32", "", "sifive-e31", "", None),
            "the ABI ilp32d needs the CPU feature `d`",
        ),
        (
            options("aarch64", "", "", "", Some(2)),
            "--size-level=2: aarch64 has the levels 0, 1, 3",
        ),
        (
            options("x86_64", "", "", "", Some(4)),
            "--size-level=4: x86_64 has the levels 0, 1, 2, 3",
        ),
    ];
    for (options, expected) in cases {
        match Target::new(&options) {
            Ok(target) => panic!("{options:?} became {target}"),
            Err(error) => assert!(error.to_string().contains(expected), "{error}"),
        }
    }
}

#[test]
fn header_features_are_what_the_cpu_has() {
    let has =
        |name, cpu, features: Option<&str>| feature_names(&target(name, cpu, features).unwrap());
    assert_eq!(has("x86_64", None, None), [""; 0]);
    assert_eq!(
        has("x86_64", Some("x86-64-v2"), None),
        ["sse3", "ssse3", "sse4.1", "sse4.2", "popcnt", "crc32"]
    );
    let v3 = has("x86_64", Some("x86-64-v3"), None);
    for name in [
        "avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe",
    ] {
        assert!(v3.contains(&name), "{name} is not in {v3:?}");
    }
    assert!(!v3.contains(&"avx512f"));
    assert!(has("x86_64", Some("x86-64-v4"), None).contains(&"avx512vl"));
    // A feature brings those with it that it needs, and takes those with it that need it.
    assert!(has("x86_64", None, Some("+avx2")).contains(&"sse4.2"));
    assert!(!has("x86_64", Some("haswell"), Some("-avx")).contains(&"avx2"));
    assert!(has("aarch64", None, None).contains(&"neon"));
    assert!(!has("aarch64", None, None).contains(&"lse"));
    assert!(has("aarch64v8.1", None, None).contains(&"lse"));
    assert!(has("aarch64", Some("neoverse-n1"), None).contains(&"lse"));
    assert!(has("riscv64", None, None).contains(&"d"));
    assert!(!has("riscv32", Some("sifive-e31"), Some("+f,+d")).contains(&"v"));
}

#[test]
fn generic_features_are_what_llvm_says() {
    for architecture in Architecture::ALL {
        let target = target(architecture.name(), None, None).unwrap();
        assert!(target.is_generic());
        let machine = target.create(OptimizationLevel::Default, "").unwrap();
        let sorted = |mut names: Vec<&'static str>| {
            names.sort_unstable();
            names
        };
        assert_eq!(
            sorted(target.probe(&machine).unwrap()),
            sorted(architecture.description().generic_enabled.to_vec())
        );
    }
}

#[test]
fn only_an_operating_system_vouches_for_unaligned_accesses() {
    for (triple, features, unaligned) in [
        ("riscv64", None, true),
        ("riscv64-unknown-none-elf", None, false),
        (
            "riscv64-unknown-none-elf",
            Some("+unaligned-scalar-mem"),
            true,
        ),
    ] {
        let target = target(triple, None, features).unwrap();
        let names = feature_names(&target);
        assert_eq!(
            names.contains(&"unaligned-scalar-mem"),
            unaligned,
            "{triple}"
        );
        assert!(names.contains(&"d"), "{triple}");
    }
}

#[test]
fn every_listed_cpu_can_be_compiled_for() {
    for architecture in Architecture::ALL {
        let description = architecture.description();
        for cpu in description.cpus.lines() {
            // The ABI that needs least, for the CPUs without floats.
            let options = TargetOptions {
                target: Some(description.name.to_owned()),
                abi: description.abis.last().map(|abi| abi.name.to_owned()),
                cpu: Some(cpu.to_owned()),
                ..TargetOptions::default()
            };
            Target::new(&options).unwrap_or_else(|error| panic!("{cpu}: {error}"));
        }
    }
}

/// LLVM prints its lists on standard error only, so they are read from a child process: this test in
/// another one, told by the variable what to print.
#[test]
fn lists_of_names_are_llvms() {
    const VARIABLE: &str = "WAMRC_RS_TEST_LIST";
    llvm::initialize();
    if let Ok(triple) = std::env::var(VARIABLE) {
        let triple = TargetTriple::create(&triple);
        let options = TargetMachineOptions::new().set_cpu("help");
        LlvmTarget::from_triple(&triple)
            .unwrap()
            .create_target_machine_from_options(&triple, options);
        return;
    }
    // Not for the user to choose: they would change the pointer width, or what the loader relies on.
    let withheld = [
        "16bit-mode",
        "32bit-mode",
        "64bit-mode",
        "64bit",
        "32bit",
        "x32",
        "relax",
    ];
    for architecture in Architecture::ALL {
        let description = architecture.description();
        let output = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "target::tests::lists_of_names_are_llvms",
                "--nocapture",
            ])
            .env(VARIABLE, format!("{}-unknown-none-elf", description.name))
            .output()
            .unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        let (cpus, features) = text.split_once("Available features").unwrap();
        let names = |text: &str| -> Vec<String> {
            text.lines()
                .filter_map(|line| line.split_once(" - "))
                .map(|(name, _)| name.trim().to_owned())
                .collect()
        };
        let features: Vec<_> = names(features)
            .into_iter()
            .filter(|name| !withheld.contains(&name.as_str()))
            .collect();
        assert_eq!(features, description.features.lines().collect::<Vec<_>>());
        // LLVM lists the CPUs of all widths together.
        let cpus = names(cpus);
        for cpu in description.cpus.lines() {
            assert!(cpus.iter().any(|known| known == cpu), "LLVM has no {cpu}");
        }
    }
}
