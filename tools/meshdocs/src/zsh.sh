(( $+functions[_mesh_candidates] )) ||
_mesh_candidates() { sh -c CANDIDATES sh "$@" }

# _mesh_names words|list contexts|namespaces: offer what the kubeconfig's clusters have.
(( $+functions[_mesh_names] )) ||
_mesh_names() {
    local expl
    local -a names
    names=(${(f)"$(_mesh_candidates $2 "${(@Q)words[1,CURRENT-1]}")"})
    if [[ $1 = list ]]; then
        _sequence compadd - $names
    else
        _wanted $2 expl ${2%s} compadd -a names
    fi
}

