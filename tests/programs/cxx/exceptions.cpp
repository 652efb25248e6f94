// Exceptions as C++ programs use them. Without an argument: what is caught, by whom, and what is destroyed on the way. With
// one: a way to end that no handler prevents.
//
// What the two C++ libraries word differently (`what()` of their own exceptions) is not printed.
#include <algorithm>
#include <any>
#include <coroutine>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <typeinfo>
#include <variant>
#include <vector>

namespace {

// Says when it is made and destroyed.
struct Noisy {
    explicit Noisy(const char *name) : name(name) { std::printf(" +%s", name); }
    Noisy(const Noisy &) = delete;
    ~Noisy() { std::printf(" -%s%s", name, std::uncaught_exceptions() > 0 ? "!" : ""); }
    const char *name;
};

// Counts how many there are.
struct Counted {
    explicit Counted(int value) : value(value) { ++alive; }
    Counted(const Counted &other) : value(other.value) {
        if (copies_left == 0)
            throw std::runtime_error("no more copies");
        --copies_left;
        ++alive;
    }
    Counted &operator=(const Counted &) = default;
    ~Counted() { --alive; }
    int value;
    static int alive, copies_left;
};
int Counted::alive = 0;
int Counted::copies_left = 1 << 30;

// A hierarchy with a virtual base, and one with an ambiguous base.
struct Failure : std::exception {
    explicit Failure(int code) : code(code) {}
    const char *what() const noexcept override { return "failure"; }
    virtual int twice() const { return 2 * code; }
    int code;
};
struct Input : virtual Failure {
    Input() : Failure(1) {}
    const char *what() const noexcept override { return "input"; }
};
struct Output : virtual Failure {
    Output() : Failure(2) {}
};
struct Pipe : Input, Output {
    Pipe() : Failure(3) {}
    int twice() const override { return -code; }
};
struct Near : Failure {
    Near() : Failure(4) {}
};
struct Far : Failure {
    Far() : Failure(5) {}
};
struct Ambiguous : Near, Far {};

enum class Colour { red, green };

[[noreturn]] void fail(int kind) {
    static Pipe pipe;
    switch (kind) {
    case 0: throw Input();
    case 1: throw Output();
    case 2: throw Pipe();
    case 3: throw Ambiguous();
    case 4: throw &pipe;
    case 5: throw 42;
    case 6: throw 2.5;
    case 7: throw Colour::green;
    case 8: throw "text";
    case 9: throw std::string("string");
    case 10: throw nullptr;
    case 11: throw std::make_unique<int>(7);
    default: throw INT64_C(1) << 40;
    }
}

void kinds() {
    for (int kind = 0; kind <= 12; ++kind) {
        try {
            fail(kind);
        } catch (const Output &failure) {
            std::printf("Output %d %s\n", failure.twice(), failure.what());
        } catch (const Failure &failure) {
            std::printf("Failure %d %s\n", failure.twice(), failure.what());
        } catch (const Failure *failure) {
            std::printf("Failure* %d\n", failure ? failure->twice() : 0);
        } catch (int number) {
            std::printf("int %d\n", number);
        } catch (double number) {
            std::printf("double %g\n", number);
        } catch (Colour colour) {
            std::printf("Colour %d\n", static_cast<int>(colour));
        } catch (const char *text) {
            std::printf("char* %s\n", text);
        } catch (std::string &text) {
            std::printf("string %s\n", text.c_str());
        } catch (std::unique_ptr<int> &pointer) {
            std::printf("unique_ptr %d\n", *pointer);
        } catch (const std::exception &other) {
            std::printf("exception %s\n", typeid(other).name());
        } catch (...) {
            std::puts("something");
        }
    }
}

void rethrown() {
    try {
        try {
            try {
                throw Input();
            } catch (Failure &failure) {
                failure.code += 10;
                throw;
            }
        } catch (Failure failure) { // A copy, sliced: what is thrown again is still the original.
            failure.code += 100;
            std::printf("copy %d %s\n", failure.code, failure.what());
            throw;
        }
    } catch (const Input &input) {
        std::printf("original %d %s\n", input.code, input.what());
    }
    try {
        try {
            throw 1;
        } catch (int) {
            try {
                throw 2;
            } catch (int inner) {
                std::printf("inner %d,", inner);
            }
            throw; // The outer one: the inner has been dealt with.
        }
    } catch (int outer) {
        std::printf(" outer %d\n", outer);
    }
    try {
        try {
            throw Counted(1);
        } catch (const Counted &) {
            throw std::string("instead");
        }
    } catch (const std::string &text) {
        std::printf("%s, %d alive\n", text.c_str(), Counted::alive);
    }
    const auto classify = [] {
        try {
            throw;
        } catch (const std::logic_error &) {
            return "logic";
        } catch (const std::exception &) {
            return "exception";
        } catch (...) {
            return "unknown";
        }
    };
    for (int i = 0; i < 3; ++i) {
        try {
            if (i == 0)
                throw std::invalid_argument("");
            if (i == 1)
                throw Output();
            throw i;
        } catch (...) {
            std::printf("%s ", classify());
        }
    }
    std::puts("");
}

struct Base {
    Base() : noisy("base") {}
    Noisy noisy;
};
struct Built : Base {
    Built(int when) try : first("first"), second((when == 1 ? throw 1 : "second")), body(when) {
        Noisy local("local");
        if (when == 2)
            throw 2;
    } catch (int thrown) {
        std::printf(" (construction failed at %d)", thrown);
    }
    Noisy first, second;
    int body;
    static void *operator new(std::size_t size) {
        std::printf(" new");
        return ::operator new(size);
    }
    static void operator delete(void *place) {
        std::printf(" delete");
        ::operator delete(place);
    }
};
struct Element {
    Element() {
        if (++made == 4)
            throw made;
        std::printf(" +%d", number = made);
    }
    ~Element() { std::printf(" -%d", number); }
    int number;
    static int made;
};
int Element::made = 0;
struct Lazy {
    Lazy() {
        if (++tries < 3)
            throw tries;
    }
    static int tries;
};
int Lazy::tries = 0;

void construction() {
    for (int when = 0; when <= 2; ++when) {
        try {
            std::unique_ptr<Built> built(new Built(when));
        } catch (int caught) {
            std::printf(" caught %d", caught);
        }
        std::puts("");
    }
    try {
        delete[] new Element[6];
    } catch (int caught) {
        std::printf(" caught %d\n", caught);
    }
    // The static is made anew as long as its constructor fails.
    for (int i = 0; i < 4; ++i) {
        try {
            static Lazy lazy;
            std::printf("made after %d\n", lazy.tries);
        } catch (int tries) {
            std::printf("attempt %d, ", tries);
        }
    }
}

struct Loud {
    ~Loud() noexcept(false) {
        if (std::uncaught_exceptions() == 0)
            throw std::string("thrown by a destructor");
        std::printf(" held back");
    }
};
struct Careful {
    ~Careful() {
        try {
            Noisy inner("inner");
            throw 1;
        } catch (int) {
            std::printf(" handled inside, %d in flight", std::uncaught_exceptions());
        }
    }
};

void destructors() {
    try {
        Noisy outer("outer");
        Loud loud;
    } catch (const std::string &text) {
        std::printf(" %s\n", text.c_str());
    }
    try {
        Loud loud;
        Careful careful;
        Noisy noisy("noisy");
        throw 3;
    } catch (int caught) {
        std::printf(" caught %d\n", caught);
    }
}

// Leaves its loop in all ways, out of blocks, handlers and both.
int leave(int way) {
    for (int i = 0;; ++i) {
        Noisy round("round");
        try {
            Noisy attempt("try");
            if (way == 0)
                return i;
            if (way == 1)
                break;
            if (way == 2 && i == 0)
                continue;
            throw way;
        } catch (int caught) {
            Noisy handler("catch");
            if (caught == 3)
                break;
            if (caught == 4)
                goto out;
            if (caught == 5 && i == 0)
                continue;
            return caught * 10;
        }
    }
    return 100;
out:
    return 200;
}

void jumps() {
    for (int way = 0; way <= 5; ++way) {
        const int result = leave(way);
        std::printf(" = %d\n", result);
    }
}

void nested(int depth) {
    try {
        if (depth == 0)
            throw Pipe();
        nested(depth - 1);
    } catch (...) {
        std::throw_with_nested(std::runtime_error("level " + std::to_string(depth)));
    }
}

void unroll(const std::exception &exception) {
    std::printf("%s", exception.what());
    try {
        std::rethrow_if_nested(exception);
        std::puts(".");
    } catch (const std::exception &inner) {
        std::printf(" < ");
        unroll(inner);
    }
}

void pointers() {
    std::exception_ptr kept;
    std::printf("%d ", kept == nullptr);
    try {
        throw Counted(9);
    } catch (const Counted &) {
        kept = std::current_exception();
    }
    for (int i = 0; i < 2; ++i) {
        try {
            std::rethrow_exception(kept);
        } catch (Counted &counted) {
            std::printf("%d ", counted.value++);
        }
    }
    std::exception_ptr other = std::make_exception_ptr(Near());
    std::swap(kept, other);
    std::printf("%d alive ", Counted::alive);
    other = nullptr;
    std::printf("%d alive\n", Counted::alive);
    try {
        std::rethrow_exception(kept);
    } catch (const Failure &failure) {
        std::printf("Failure %d\n", failure.code);
    }
    try {
        nested(3);
    } catch (const std::exception &exception) {
        unroll(exception);
    }
}

template <typename Exception, typename Function> void expect(const char *what, Function function) {
    try {
        function();
        std::printf("%s: nothing thrown\n", what);
    } catch (const Exception &exception) {
        const std::exception &base = exception;
        std::printf("%s: ok%s\n", what, dynamic_cast<const Exception *>(&base) ? "" : ", but not by its base");
    }
}

void library() {
    std::vector<int> numbers(3);
    std::map<std::string, int> ages{{"a", 1}};
    std::string text = "text";
    std::optional<int> none;
    std::variant<int, std::string> either = 1;
    std::any any = 1;
    std::function<void()> empty;
    volatile std::size_t index = 7, huge = SIZE_MAX;
    Failure plain(0);
    Failure &failure = plain;
    const Failure *nowhere = nullptr;
    expect<std::out_of_range>("vector::at", [&] { numbers.at(index) = 1; });
    expect<std::length_error>("vector::resize", [&] { numbers.resize(huge); });
    expect<std::out_of_range>("map::at", [&] { ages.at("b") = 1; });
    expect<std::out_of_range>("string::at", [&] { text.at(index) = 'x'; });
    expect<std::logic_error>("string::substr", [&] { text = text.substr(index); });
    expect<std::invalid_argument>("stoi", [&] { ages["c"] = std::stoi("no number"); });
    expect<std::out_of_range>("stoi", [&] { ages["c"] = std::stoi("99999999999"); });
    expect<std::bad_optional_access>("optional", [&] { numbers[0] = none.value(); });
    expect<std::bad_variant_access>("variant", [&] { text = std::get<std::string>(either); });
    expect<std::bad_any_cast>("any", [&] { text = std::any_cast<std::string>(any); });
    expect<std::bad_function_call>("function", [&] { empty(); });
    expect<std::bad_cast>("dynamic_cast", [&] { dynamic_cast<Near &>(failure).code = 1; });
    expect<std::bad_typeid>("typeid", [&] { std::printf("%s", typeid(*nowhere).name()); });
    expect<std::bad_alloc>("new", [&] { numbers[0] = *static_cast<int *>(::operator new(huge / 2)); });
    expect<std::bad_alloc>("new[]", [&] { numbers[0] = std::make_unique<int[]>(huge / 2)[index]; });
    std::printf("%d %d %s\n", numbers[0], ages["a"], text.c_str());
}

void containers() {
    // How often a comparator is called is the library's affair; that every element survives it is not.
    for (const int limit : {0, 1, 50, 200, 100000}) {
        std::vector<Counted> numbers;
        for (int i = 0; i < 64; ++i)
            numbers.emplace_back(i * 37 % 64);
        int calls = 0;
        try {
            std::sort(numbers.begin(), numbers.end(), [&](const Counted &a, const Counted &b) {
                if (calls++ >= limit)
                    throw Near();
                return a.value < b.value;
            });
            std::printf("sorted: %d, ", numbers[63].value);
        } catch (const Near &) {
            std::printf("not sorted, ");
        }
        std::printf("%d alive\n", Counted::alive);
    }
    // A failed copy leaves the vector as it was.
    std::vector<Counted> numbers;
    numbers.reserve(4);
    for (int i = 0; i < 4; ++i)
        numbers.emplace_back(i);
    Counted::copies_left = 3;
    try {
        numbers.emplace_back(4);
    } catch (const std::runtime_error &error) {
        std::printf("%s: %zu elements, %d alive\n", error.what(), numbers.size(), Counted::alive);
    }
    Counted::copies_left = 1 << 30;
    std::map<int, Counted, std::function<bool(int, int)>> ordered([](int a, int b) {
        if (a == 13 || b == 13)
            throw std::domain_error("13");
        return a < b;
    });
    for (int i = 0; i < 20; ++i) {
        try {
            ordered.emplace(i, i);
        } catch (const std::domain_error &error) {
            std::printf("not %s, ", error.what());
        }
    }
    std::printf("%zu elements, %d alive\n", ordered.size(), Counted::alive);
}

// A calculator: grammar errors and arithmetic errors go up through its recursion, and through virtual calls.
struct Error : std::runtime_error {
    Error(const std::string &text, std::size_t at) : runtime_error(text), at(at) {}
    std::size_t at;
};
struct Node {
    virtual ~Node() = default;
    virtual long value() const = 0;
};
struct Number final : Node {
    explicit Number(long number) : number(number) {}
    long value() const override { return number; }
    long number;
};
struct Binary final : Node {
    Binary(char sign, std::size_t at, std::unique_ptr<Node> left, std::unique_ptr<Node> right)
        : sign(sign), at(at), left(std::move(left)), right(std::move(right)) {}
    long value() const override {
        const long a = left->value(), b = right->value();
        switch (sign) {
        case '+': return a + b;
        case '-': return a - b;
        case '*': return a * b;
        default:
            if (b == 0)
                throw Error("division by zero", at);
            return a / b;
        }
    }
    char sign;
    std::size_t at;
    std::unique_ptr<Node> left, right;
};
struct Parser {
    std::unique_ptr<Node> sum() {
        auto left = product();
        while (next('+') || next('-')) {
            const std::size_t sign = at++;
            left = std::make_unique<Binary>(text[sign], sign, std::move(left), product());
        }
        return left;
    }
    std::unique_ptr<Node> product() {
        auto left = atom();
        while (next('*') || next('/')) {
            const std::size_t sign = at++;
            left = std::make_unique<Binary>(text[sign], sign, std::move(left), atom());
        }
        return left;
    }
    std::unique_ptr<Node> atom() {
        if (next('(')) {
            ++at;
            auto inside = sum();
            if (!next(')'))
                throw Error("expected )", at);
            ++at;
            return inside;
        }
        std::size_t length = 0;
        try {
            const long number = std::stol(text.substr(at), &length);
            at += length;
            return std::make_unique<Number>(number);
        } catch (const std::logic_error &) {
            std::throw_with_nested(Error("expected a number", at));
        }
    }
    bool next(char expected) const { return at < text.size() && text[at] == expected; }
    std::string text;
    std::size_t at = 0;
};

void calculator() {
    for (const char *text : {"1+2*3", "(1+2)*3", "7/(3-3)", "2*(3+", "2*x", "((((((((1/0))))))))+(2", "10/3/2", "8/(4/(2/(1/2)))"}) {
        try {
            Parser parser{text};
            const auto root = parser.sum();
            if (parser.at != parser.text.size())
                throw Error("expected an operator", parser.at);
            std::printf("%s = %ld\n", text, root->value());
        } catch (const Error &error) {
            std::printf("%s: %s at %zu%s\n", text, error.what(), error.at,
                        dynamic_cast<const std::nested_exception *>(&error) ? ", nested" : "");
        }
    }
}

struct Generator {
    struct promise_type {
        Generator get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
        std::suspend_always initial_suspend() { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        std::suspend_always yield_value(int yielded) {
            value = yielded;
            return {};
        }
        void return_void() {}
        void unhandled_exception() { failure = std::current_exception(); }
        int value = 0;
        std::exception_ptr failure;
    };
    Generator(std::coroutine_handle<promise_type> handle) : handle(handle) {}
    Generator(Generator &&) = delete;
    ~Generator() { handle.destroy(); }
    bool next() {
        handle.resume();
        if (handle.promise().failure)
            std::rethrow_exception(handle.promise().failure);
        return !handle.done();
    }
    std::coroutine_handle<promise_type> handle;
};

Generator numbers(int limit) {
    Noisy noisy("generator");
    for (int i = 0;; ++i) {
        if (i == limit)
            throw std::length_error("limit");
        co_yield i;
    }
}

void coroutines() {
    try {
        Generator generator = numbers(3);
        while (generator.next())
            std::printf(" %d", generator.handle.promise().value);
    } catch (const std::length_error &error) {
        std::printf(" %s\n", error.what());
    }
    {
        Generator generator = numbers(3);
        generator.next();
    }
    std::puts("");
}

struct Visitor {
    virtual ~Visitor() = default;
    virtual std::uint64_t visit(unsigned depth, std::uint64_t state) = 0;
};
// Each level has something to destroy; every third has a handler, which passes on what is not for it.
struct Descent final : Visitor {
    explicit Descent(Visitor *below) : below(below) {}
    std::uint64_t visit(unsigned depth, std::uint64_t state) override {
        const Counted counted(static_cast<int>(depth));
        if (depth == 0)
            throw state;
        if (depth % 3 != 0)
            return below->visit(depth - 1, state * 31 + depth) + 1;
        try {
            return below->visit(depth - 1, state ^ depth);
        } catch (std::uint64_t &thrown) {
            thrown = thrown * 5 + depth;
            if (thrown % 7 == 0)
                throw std::to_string(thrown);
            if (thrown % 5 == 0)
                return thrown;
            throw;
        }
    }
    Visitor *below;
};

// Many throws through many frames, so that what they leave behind would show.
void stress(unsigned rounds) {
    Descent ping(nullptr), pong(&ping);
    ping.below = &pong;
    std::uint64_t sum = 0;
    for (unsigned round = 0; round < rounds; ++round) {
        try {
            sum = sum * 33 + ping.visit(round % 61, round + 1);
        } catch (std::uint64_t thrown) {
            sum += thrown;
        } catch (const std::string &text) {
            sum ^= text.size() + static_cast<unsigned char>(text.back());
        }
    }
    std::printf("%016llx, %d alive\n", static_cast<unsigned long long>(sum), Counted::alive);
}

// What was thrown is not known here on WebAssembly: a function that does not throw ends the program without looking at it.
[[noreturn]] void terminated() {
    std::puts("terminated");
    std::fflush(stdout);
    std::_Exit(3);
}

void never_throws(int kind) noexcept { fail(kind); }

[[noreturn]] void end(const char *way) {
    if (!std::strcmp(way, "terminate")) {
        std::set_terminate(terminated);
        never_throws(1);
    }
    if (!std::strcmp(way, "noexcept"))
        never_throws(5);
    if (!std::strcmp(way, "uncaught")) {
        // Whether this is destroyed is up to the implementation.
        const Counted counted(1);
        fail(9);
    }
    if (!std::strcmp(way, "exit")) {
        try {
            fail(2);
        } catch (const Failure &failure) {
            std::exit(failure.code);
        }
    }
    throw; // There is nothing to throw again, which ends the program.
}

} // namespace

int main(int argc, char **argv) {
    // What has been written counts even if the program ends at once.
    std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
    if (argc > 1 && std::strcmp(argv[1], "stress") != 0)
        end(argv[1]);
    if (argc > 2) {
        stress(static_cast<unsigned>(std::strtoul(argv[2], nullptr, 10)));
        return 0;
    }
    kinds();
    rethrown();
    construction();
    destructors();
    jumps();
    pointers();
    library();
    containers();
    calculator();
    coroutines();
    stress(3000);
}
