//! Symbols, and the builtins they stand for.

use super::*;

pub fn cases() -> Vec<Case> {
    let undefined = |name| {
        with(|parts| {
            parts.symbols.push(Sym {
                name,
                section: "",
                value: 0,
                size: 0,
                global: true,
            })
        })
    };
    vec![
        case!(
            "undefined symbol",
            undefined("malloc"),
            Error::UndefinedSymbol { name } if name.as_bytes() == b"malloc"
        ),
        case!(
            "undefined symbol that starts like a builtin",
            undefined("memcpy_s"),
            Error::UndefinedSymbol { .. }
        ),
        case!(
            "local undefined symbol",
            symbol_field("memcpy", 4, &[0]),
            Error::UndefinedSymbol { .. }
        ),
        case!(
            "builtin that is not listed",
            undefined("memset"),
            Error::BuiltinNotListed { name: "memset" }
        ),
        case!(
            "unknown builtin",
            raw_table(section::BUILTINS, |table| {
                let end = table.len();
                table[end - 1] = b'z';
            }),
            Error::UnknownBuiltin { name } if name.as_bytes() == b"memcpz"
        ),
        case!(
            "builtin with another signature",
            raw_table(section::BUILTINS, |table| table[4 * 4] ^= 1),
            Error::BuiltinSignature {
                name: "wamr_trap",
                expected,
                found,
            } if expected ^ 1 == *found
        ),
        case!(
            "builtin listed twice",
            with(|parts| parts.builtins.push(BuiltinId::Trap)),
            Error::Table {
                section: section::BUILTINS,
                error: TableError::Twice { .. },
                ..
            }
        ),
        case!(
            "symbol behind its section",
            with(|parts| parts.symbol("f1").value = 12),
            Error::SymbolOutOfSection { value: 12, .. }
        ),
        case!(
            "symbol longer than its section",
            with(|parts| parts.symbol("f1").size = 12),
            Error::SymbolOutOfSection { size: 12, .. }
        ),
        case!(
            "symbol whose end wraps around",
            symbol_field("f1", 16, &u64::MAX.to_le_bytes()),
            Error::SymbolOutOfSection { size: u64::MAX, .. }
        ),
        case!(
            "symbol in no section",
            symbol_field("f1", 6, &[99]),
            Error::SymbolOutOfSection { section: 99, .. }
        ),
        case!(
            "absolute symbol",
            symbol_field("f1", 6, &[0xf1, 0xff]),
            Error::SymbolKind {
                section: 0xfff1,
                ..
            }
        ),
        case!(
            "common symbol",
            symbol_field("f1", 6, &[0xf2, 0xff]),
            Error::SymbolKind {
                section: 0xfff2,
                ..
            }
        ),
        case!(
            "thread-local symbol",
            symbol_field("f1", 4, &[0x16]),
            Error::SymbolKind { ty: 6, .. }
        ),
        case!(
            "indirect function",
            symbol_field("f1", 4, &[0x1a]),
            Error::SymbolKind { ty: 10, .. }
        ),
        case!(
            "weak symbol",
            symbol_field("f1", 4, &[0x20]),
            Error::SymbolKind { binding: 2, .. }
        ),
        case!(
            "symbol name outside the name table",
            symbol_field("f1", 0, &[0xff; 4]),
            Error::SymbolName {
                offset: u32::MAX,
                ..
            }
        ),
        case!(
            "symbol table with odd entries",
            section_field(".symtab", Field::EntrySize, 16),
            Error::EntrySize {
                expected: 24,
                found: 16,
                ..
            }
        ),
        case!(
            "symbol table that ends in an entry",
            section_field_plus(".symtab", Field::Size, -1),
            Error::EntrySize { .. }
        ),
        case!(
            "symbol table without names",
            section_field(".symtab", Field::Link, 1),
            Error::SymbolTable { .. }
        ),
    ]
}
