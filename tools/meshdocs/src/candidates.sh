# Names that fit a command line: contexts WORD..., or namespaces WORD... of its cluster.
what=$1 kubeconfig=${MESH_KUBECONFIG-} context=${MESH_CONTEXT-} before=
shift
for word; do
  case $before in
    --kubeconfig) kubeconfig=$word ;;
    --context) context=$word ;;
  esac
  case $word in
    --kubeconfig=*) kubeconfig=${word#*=} ;;
    --context=*) context=${word#*=} ;;
  esac
  before=$word
done
case $kubeconfig in \~/*) kubeconfig=$HOME/${kubeconfig#*/} ;; esac
[ -z "$kubeconfig" ] || export KUBECONFIG="$kubeconfig"
# What a terminal shows as it is: a name with anything else in it is not offered.
{
case $what in
  contexts)
    # Each file alone, so that a bad one does not hide the others; and none of MESH_FLAG_NAME.
    printf "%s\n" "${KUBECONFIG:-$HOME/.kube/config}" | tr : "\n" | while IFS= read -r file; do
      env -i PATH="$PATH" mesh-context --kubeconfig "$file" --list
    done 2>/dev/null | sed -n "s/.*\"context\":\"\([^\"\\\\]*\)\".*/\1/p" | sort -u ;;
  namespaces)
    kubectl get namespaces -o name --request-timeout=2s ${context:+"--context=$context"} \
      2>/dev/null | sed "s,^namespace/,," ;;
esac
} | LC_ALL=C grep -v "[^ -~]"
