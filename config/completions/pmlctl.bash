# bash completion for pmlctl                                -*- shell-script -*-
# Verbs, options and what they take are known to pmlctl itself.
_pmlctl() {
  local current=${COMP_WORDS[COMP_CWORD]} word
  COMPREPLY=()
  while IFS=$'\t' read -r word _; do
    case $word in
      '<files>') compopt -o filenames 2>/dev/null; mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$current") ;;
      '<folders>') compopt -o filenames 2>/dev/null; mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -d -- "$current") ;;
      '<commands>') mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -c -- "$current" | sort -u) ;;
      "$current"*) COMPREPLY+=("$word") ;;
    esac
  done < <(pmlctl complete line -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _pmlctl pmlctl
