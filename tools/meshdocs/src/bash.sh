_mesh_candidates() { sh -c CANDIDATES sh "$@"; }

# _mesh_words WORD...: offer those that begin with what is typed, and no files; bash itself keeps
# what stands before the last = or : of a word.
_mesh_words() {
    local word kept=${typed%"$own"}
    compopt +o default
    for word; do
        printf -v word %q "$word"
        word=$before$word
        [[ $word != "$typed"* ]] || COMPREPLY+=("${word#"$kept"}")
    done
}

# _mesh_list WORD...: offer them for the last item of a list with commas.
_mesh_list() {
    before=${typed%"${typed##*,}"}
    compopt -o nospace
    _mesh_words "$@"
}

# _mesh_names words|list contexts|namespaces: offer what the kubeconfig's clusters have.
_mesh_names() {
    local names
    mapfile -t names < <(_mesh_candidates "$2" "${words[@]}")
    "_mesh_$1" "${names[@]}"
}

FUNCTION() {
    local line=${COMP_LINE:0:COMP_POINT} own=$2 before='' words
    local typed=${line##*[[:space:]]}
    read -ra words <<<"${line%"$typed"}"
    local flag=${words[-1]}
    case $typed in --*=*) flag=${typed%%=*} typed=${typed#*=} ;; esac
    case $flag in
CASES
        *)
            case $typed in
                -*) _mesh_words FLAGS ;;
                *) POSITIONAL ;;
            esac ;;
    esac
}

complete -o default -F FUNCTION NAME
