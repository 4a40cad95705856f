# bash completion for pmlctl                                -*- shell-script -*-
_pmlctl() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} verb='' word words='' profile=() i
  local verbs='list status jobs kill reload show check doctor top suggest wrap unwrap bench profile python'
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; ++i)); do
    word=${COMP_WORDS[i]}
    case $word in
      -p | --profile) profile=(-p "${COMP_WORDS[++i]}") ;;
      --socket | --venv | --preload | -n | --runs) ((++i)) ;;
      -*) ;;
      *) [[ -n $verb || " $verbs " != *" $word "* ]] || verb=$word ;;
    esac
  done
  case $previous in
    -p | --profile) words=$(pmlctl complete profiles 2>/dev/null) ;;
    -n | --runs) return ;;
    -m) words=$(pmlctl "${profile[@]}" complete modules "$current" 2>/dev/null) ;;
    --socket | --venv) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    *)
      case $verb:$current in
        profile:-*) words='--venv --preload' ;;
        profile:*) words=new ;;
        python:*)
          if [ "$previous" = add ]; then mapfile -t COMPREPLY < <(compgen -f -- "$current"); return; fi
          words='add list'
          ;;
        suggest:-*) words='--profile --json --no-pager --write -m -c --' ;;
        bench:-*) words='--profile --json --no-pager --runs -m -c -e --' ;;
        *:-*) words='--profile --socket --json --no-pager --help --version' ;;
        :*) words=$verbs ;;
        status:* | reload:* | show:* | doctor:* | top:* | jobs:*) words=$(pmlctl complete profiles 2>/dev/null) ;;
        kill:*) words="$(pmlctl complete jobs 2>/dev/null) TERM INT HUP KILL STOP CONT" ;;
        wrap:*) mapfile -t COMPREPLY < <(compgen -c -- "$current" | sort -u); return ;;
        unwrap:*) words=$(pmlctl complete wrapped 2>/dev/null) ;;
        check:*)
          compopt -o filenames 2>/dev/null
          mapfile -t COMPREPLY < <(compgen -f -- "$current"; compgen -W "$(pmlctl complete profiles 2>/dev/null)" -- "$current")
          return
          ;;
        suggest:* | bench:*) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
      esac
      ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _pmlctl pmlctl
