# sha256sum of a file of 10 MB, and of the same bytes through a pipe.
yes 'Trunnion runs unmodified i386 programs.' | head -c 10000000 > ten-megabytes
ls -l ten-megabytes | awk '{ print $5 }'
sha256sum ten-megabytes
cat ten-megabytes | sha256sum
sha1sum < ten-megabytes
