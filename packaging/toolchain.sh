# How the program is compiled for packages and images: to be sourced by bash in the repository's root.
# shellcheck shell=bash

# The commit that --version names, and the time of everything that is packed.
BUILD_COMMIT=${BUILD_COMMIT-$(git describe --always --abbrev=40 --dirty=-modified --exclude='*' 2>/dev/null || true)}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y Cargo.lock)}
export BUILD_COMMIT SOURCE_DATE_EPOCH

# cross_tool TRIPLE: the C compiler for a target, which links for it as well.
cross_tool() {
    case $1 in
    "$(uname -m)-unknown-linux-gnu") echo cc ;;
    "$(uname -m)-unknown-linux-musl") echo musl-gcc ;;
    # The few C files in the program need no C library, so this one serves musl too, which Rust brings along.
    *-unknown-linux-*) echo "${1%%-*}-linux-gnu-gcc" ;;
    esac
}

# lacking TRIPLE: what has to be installed to compile for a target; nothing if it is all there.
lacking() {
    local tool
    tool=$(cross_tool "$1")
    command -v "$tool" >/dev/null || case $tool in
    musl-gcc) echo 'the package musl-tools' ;;
    cc) echo 'the package gcc' ;;
    *) echo "the package ${tool/#*-linux/gcc-${1%%-*}-linux}" | sed 's/-gcc$//' ;;
    esac
    [ -d "$(rustc --print sysroot)/lib/rustlib/$1" ] || echo "rustup target add $1"
}

# compile TRIPLE: makes target/TRIPLE/release/session-keepalive. The same commit and toolchain make the same bytes,
# wherever the sources and the home of cargo are.
compile() {
    local name=${1//-/_} tool linker
    tool=$(cross_tool "$1")
    linker=$tool
    # Rust brings along what a static program is linked with.
    [ "$tool" != musl-gcc ] || linker=cc
    env "CC_$name=$tool" "CARGO_TARGET_${name^^}_LINKER=$linker" \
        RUSTFLAGS="--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo" \
        cargo build --release --locked --target "$1"
}
